# Gumbel cross-entropy as its authors' repository kostas1515/GOL compares it with softmax and sigmoid: random sampling,
# linear classifier that starts from constants, the official numerics.
_base_ = "ce.py"
recipe = dict(
    repeat_factor=None,
    classifier_init=dict(weight=0.001, bias=-2.0),
    hyper_parameters=dict(official_numerics=True),
)
