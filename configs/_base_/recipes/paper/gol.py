# GOL as in its authors' repository kostas1515/GOL, 2x: repeat factor sampling, linear classifier that starts from
# constants, normalised mask predictor, NMS at 0.3, the official gradient.
_base_ = "ce.py"
recipe = dict(
    classifier_init=dict(weight=0.001, bias=-2.0),
    mask_predictor=dict(type="NormedConv2d", temperature=20),
    hyper_parameters=dict(official_gradient=True),
)
model = dict(test_cfg=dict(rcnn=dict(nms=dict(iou_threshold=0.3))))
