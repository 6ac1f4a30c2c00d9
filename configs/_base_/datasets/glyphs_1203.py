# The embedded data set at LVIS's number of classes, for one GPU: larger batch, images and budget than `glyphs`.
_base_ = "glyphs.py"
images_per_device = 16
train_dataloader = dict(batch_size=16, num_workers=8, persistent_workers=True)
test_dataloader = dict(batch_size=16, num_workers=8, persistent_workers=True)
recipe = dict(warmup=dict(iters=500, start_factor=1e-3))
model = dict(
    train_cfg=dict(
        rpn=dict(sampler=dict(num=128)),
        rpn_proposal=dict(nms_pre=500, max_per_img=300),
        rcnn_budget=dict(num=128),
    ),
    test_cfg=dict(rpn=dict(nms_pre=500, max_per_img=300), rcnn=dict(max_per_img=300)),
)
