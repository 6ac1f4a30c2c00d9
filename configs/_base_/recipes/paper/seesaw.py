# Seesaw as in mmdetection's configs/seesaw_loss (random sampling, plain mask predictor). The published runs are 2x,
# and their class counts were never summed over the GPUs.
_base_ = "ce.py"
recipe = dict(
    repeat_factor=None,
    classifier=dict(type="NormedLinear", temperature=20),
    hyper_parameters=dict(reduce_counts=False),
)
