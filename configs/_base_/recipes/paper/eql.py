# EQL on LVIS v1 as its authors' repository tztztztztz/eqlv2 trains it (configs/end2end/eql_r50_8x2_1x.py).
_base_ = "ce.py"
recipe = dict(repeat_factor=None, prior_prob=0.001)
