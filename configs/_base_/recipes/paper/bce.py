# The sigmoid baseline of the LVIS comparisons: random sampling, linear classifier, and the prior of EQL's authors
# (tztztztztz/eqlv2), whose loss without its threshold it is.
_base_ = "ce.py"
recipe = dict(repeat_factor=None, prior_prob=0.001)
