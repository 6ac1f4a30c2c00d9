# LVIS (Gupta et al., CVPR 2019): short side 640-800, long side at most 1333, as in the official LVIS baselines.
_base_ = "loaders.py"
_train = [
    dict(type="LoadImageFromFile", backend_args=None),
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    dict(
        type="RandomChoiceResize",
        scales=[(1333, 640), (1333, 672), (1333, 704), (1333, 736), (1333, 768), (1333, 800)],
        keep_ratio=True,
    ),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
_test = [
    dict(type="LoadImageFromFile", backend_args=None),
    dict(type="Resize", scale=(1333, 800), keep_ratio=True),
    dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
]
# batch_size is the global batch; images_per_device is how many of them one device takes at a time, the rest are
# accumulated. A loss that averages, draws or keeps state by the call sees only those, as it does on more devices.
images_per_device = 2
train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    batch_sampler=dict(type="AspectRatioBatchSampler"),
    dataset=dict(filter_cfg=dict(min_size=32), pipeline=_train),
)
test_dataloader = dict(batch_size=1, num_workers=2, persistent_workers=True, dataset=dict(pipeline=_test))
