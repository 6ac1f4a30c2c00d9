# ResNeXt-101 64x4d (Xie et al., CVPR 2017) with ImageNet weights; stem and first stage frozen, BatchNorm fixed.
model = dict(
    backbone=dict(
        type="ResNeXt",
        depth=101,
        groups=64,
        base_width=4,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        frozen_stages=1,
        norm_cfg=dict(type="BN", requires_grad=True),
        norm_eval=True,
        style="pytorch",
        init_cfg=dict(
            type="Pretrained",
            checkpoint="https://download.openmmlab.com/pretrain/third_party/resnext101_64x4d-ee2c6f71.pth",
        ),
    )
)
