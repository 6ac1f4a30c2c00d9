# ResNeXt-101 64x4d (Xie et al., CVPR 2017) with ImageNet weights, otherwise as r101.
_base_ = "r101.py"
model = dict(
    backbone=dict(
        type="ResNeXt",
        groups=64,
        base_width=4,
        init_cfg=dict(checkpoint="https://download.openmmlab.com/pretrain/third_party/resnext101_64x4d-ee2c6f71.pth"),
    )
)
