# ResNeXt-101 32x4d (Xie et al., CVPR 2017) with ImageNet weights, otherwise as r101.
_base_ = "r101.py"
model = dict(
    backbone=dict(
        type="ResNeXt",
        groups=32,
        base_width=4,
        init_cfg=dict(checkpoint="https://download.openmmlab.com/pretrain/third_party/resnext101_32x4d-a5af3160.pth"),
    )
)
