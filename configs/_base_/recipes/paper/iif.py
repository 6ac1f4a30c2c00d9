# IIF as in the best model of its authors' repository kostas1515/iif, 2x: base-10 logarithms of instance counts, repeat
# factor sampling, cosine classifier at temperature 8 that starts from constants, normalised mask predictor. Theirs adds
# FASA's augmentation of features, which is not here.
_base_ = "ce.py"
recipe = dict(
    classifier=dict(type="NormedLinear", temperature=8),
    classifier_init=dict(weight=0.001, bias=0.0),
    mask_predictor=dict(type="NormedConv2d", temperature=20),
    hyper_parameters=dict(variant="base10_obj"),
)
