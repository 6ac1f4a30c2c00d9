# Faster R-CNN with FPN (Ren et al., NeurIPS 2015; Lin et al., CVPR 2017): the box head of Mask R-CNN, and no masks.


def _roi_extractor(size):
    return dict(
        type="SingleRoIExtractor",
        roi_layer=dict(type="RoIAlign", output_size=size, sampling_ratio=0),
        out_channels=256,
        featmap_strides=[4, 8, 16, 32],
    )


def _assigner(pos, neg, min_pos, low_quality):
    return dict(
        type="MaxIoUAssigner",
        pos_iou_thr=pos,
        neg_iou_thr=neg,
        min_pos_iou=min_pos,
        match_low_quality=low_quality,
        ignore_iof_thr=-1,
    )


def _sampler(num, pos_fraction, add_gt):
    return dict(type="RandomSampler", num=num, pos_fraction=pos_fraction, neg_pos_ub=-1, add_gt_as_proposals=add_gt)


_proposals = dict(nms_pre=2000, max_per_img=1000, nms=dict(type="nms", iou_threshold=0.7), min_bbox_size=0)
model = dict(
    type="FasterRCNN",
    data_preprocessor=dict(
        type="DetDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=32,
    ),
    neck=dict(type="FPN", in_channels=[256, 512, 1024, 2048], out_channels=256, num_outs=5),
    rpn_head=dict(
        type="RPNHead",
        in_channels=256,
        feat_channels=256,
        anchor_generator=dict(type="AnchorGenerator", scales=[8], ratios=[0.5, 1.0, 2.0], strides=[4, 8, 16, 32, 64]),
        bbox_coder=dict(type="DeltaXYWHBBoxCoder", target_means=[0.0] * 4, target_stds=[1.0] * 4),
        loss_cls=dict(type="CrossEntropyLoss", use_sigmoid=True, loss_weight=1.0),
        loss_bbox=dict(type="L1Loss", loss_weight=1.0),
    ),
    roi_head=dict(
        type="StandardRoIHead",
        bbox_roi_extractor=_roi_extractor(7),
        bbox_head=dict(
            type="LongTailBBoxHead",
            in_channels=256,
            fc_out_channels=1024,
            roi_feat_size=7,
            bbox_coder=dict(type="DeltaXYWHBBoxCoder", target_means=[0.0] * 4, target_stds=[0.1, 0.1, 0.2, 0.2]),
            reg_class_agnostic=False,
            loss_bbox=dict(type="L1Loss", loss_weight=1.0),
        ),
    ),
    train_cfg=dict(
        rpn=dict(
            assigner=_assigner(pos=0.7, neg=0.3, min_pos=0.3, low_quality=True),
            sampler=_sampler(num=256, pos_fraction=0.5, add_gt=False),
            allowed_border=-1,
            pos_weight=-1,
            debug=False,
        ),
        rpn_proposal=_proposals,
        rcnn=dict(
            assigner=_assigner(pos=0.5, neg=0.5, min_pos=0.5, low_quality=False),
            sampler=_sampler(num=512, pos_fraction=0.25, add_gt=True),
            pos_weight=-1,
            debug=False,
        ),
    ),
    test_cfg=dict(
        rpn=dict(nms_pre=1000, max_per_img=1000, nms=dict(type="nms", iou_threshold=0.7), min_bbox_size=0),
        # LVIS evaluates 300 detections per image, and rare classes score low: hence the low threshold.
        rcnn=dict(score_thr=1e-4, nms=dict(type="nms", iou_threshold=0.5), max_per_img=300),
    ),
)
