# EQL v2 as its authors' repository tztztztztz/eqlv2 trains it (configs/end2end).
_base_ = "ce.py"
recipe = dict(repeat_factor=None, prior_prob=0.001)
