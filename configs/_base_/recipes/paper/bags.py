# BAGS with the solver of its authors' repository FishYuLi/BalancedGroupSoftmax (lr 0.01, gradients clipped at 35). They
# train the classifier alone, for 12 epochs, from a detector trained with cross-entropy: give it with --stage2-from.
# Else all of it is trained.
_base_ = "ce.py"
recipe = dict(
    stage2=dict(trained="classifier", epochs=12, milestones=[8, 11]),  # of --stage2-from
    repeat_factor=None,
)
optim_wrapper = dict(optimizer=dict(lr=0.01), clip_grad=dict(max_norm=35, norm_type=2))
