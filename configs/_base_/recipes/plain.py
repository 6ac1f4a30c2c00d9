# LVIS's plain recipe, for every loss: random sampling, linear classifier, plain mask predictor. Nothing but the loss is
# left to fight the long tail. Optimizer, clipping and warm-up are those of the common recipe.
_base_ = "common.py"
recipe = dict(
    repeat_factor=None,
    classifier=dict(_delete_=True, type="Linear"),
    mask_predictor=dict(_delete_=True, type="Conv"),
)
