# The embedded data set: 96-pixel images, trained from random weights on two CPU cores in minutes. The budget of
# proposals, RoIs and mask size is cut to the size of the images; nothing here depends on the loss.
_base_ = "loaders.py"
_train = [
    dict(type="LoadImageFromFile", backend_args=None),
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    dict(type="PackDetInputs"),
]
_test = [
    dict(type="LoadImageFromFile", backend_args=None),
    dict(type="Resize", scale_factor=1.0),
    dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
]
images_per_device = 8
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    batch_sampler=None,
    dataset=dict(filter_cfg=dict(min_size=1), pipeline=_train),
)
test_dataloader = dict(batch_size=8, num_workers=0, persistent_workers=False, dataset=dict(pipeline=_test))
recipe = dict(warmup=dict(iters=50, start_factor=1e-2), init="random")
model = dict(
    rpn_head=dict(anchor_generator=dict(scales=[4])),
    roi_head=dict(mask_roi_extractor=dict(roi_layer=dict(output_size=7))),
    train_cfg=dict(
        rpn=dict(sampler=dict(num=64)),
        rpn_proposal=dict(nms_pre=200, max_per_img=100),
        rcnn_budget=dict(num=32, mask_size=14),
    ),
    # About six glyphs per image: 100 detections are as good as LVIS's 300 and cost a third.
    test_cfg=dict(rpn=dict(nms_pre=200, max_per_img=100), rcnn=dict(max_per_img=100)),
)
