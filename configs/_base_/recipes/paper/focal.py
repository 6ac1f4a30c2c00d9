# No author of the focal loss trained it on LVIS's box head: random sampling and the linear classifier of the LVIS
# comparisons, with the prior of Lin et al. (ICCV 2017), section 4.1. Derived, not published.
_base_ = "ce.py"
recipe = dict(repeat_factor=None, prior_prob=0.01)
