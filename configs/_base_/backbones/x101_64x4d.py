# ResNeXt-101 64x4d (Xie et al., CVPR 2017) with ImageNet weights, otherwise as 32x4d.
_base_ = "x101_32x4d.py"
model = dict(
    backbone=dict(
        groups=64,
        init_cfg=dict(checkpoint="https://download.openmmlab.com/pretrain/third_party/resnext101_64x4d-ee2c6f71.pth"),
    )
)
