# LDAM-DRW. Its authors trained it on images alone (kaidic/LDAM-DRW, CIFAR): margins up to 0.5, scale 30, re-weighting
# in the last fifth. On this project's detector with random sampling and the cosine classifier that it needs. Derived.
_base_ = "ce.py"
recipe = dict(
    repeat_factor=None,
    classifier=dict(type="NormedLinear", temperature=1),
    hyper_parameters=dict(drw=True),
)
