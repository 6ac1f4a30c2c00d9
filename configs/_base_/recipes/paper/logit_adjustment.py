# Its authors trained it on images alone (google-research/logit_adjustment), with tau 1. On this project's detector with
# the random sampling and the linear classifier of the LVIS comparisons. Derived, not published.
_base_ = "ce.py"
recipe = dict(repeat_factor=None)
