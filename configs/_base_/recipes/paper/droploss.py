# DropLoss with the prior of its authors' repository timy90022/DropLoss and random sampling; lambda_ is the default of
# their code on LVIS v1 (their config has 0.00177, that of v0.5). They train for 90,000 iterations of 4 images.
_base_ = "ce.py"
recipe = dict(repeat_factor=None, prior_prob=0.001)
