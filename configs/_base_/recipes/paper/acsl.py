# ACSL with the prior and the clipping of its authors' repository CASIA-IVA-Lab/ACSL. They train the classifier alone,
# for 12 epochs, from a detector trained with cross-entropy: this recipe trains all of it.
_base_ = "ce.py"
recipe = dict(repeat_factor=None, prior_prob=0.01)
optim_wrapper = dict(clip_grad=dict(max_norm=35, norm_type=2))
