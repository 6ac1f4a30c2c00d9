# BAGS with the solver of its authors' repository FishYuLi/BalancedGroupSoftmax (lr 0.01, gradients clipped at 35). They
# train the classifier alone, for 12 epochs, from a detector trained with cross-entropy: this recipe trains all of it.
_base_ = "ce.py"
recipe = dict(repeat_factor=None)
optim_wrapper = dict(optimizer=dict(lr=0.01), clip_grad=dict(max_norm=35, norm_type=2))
