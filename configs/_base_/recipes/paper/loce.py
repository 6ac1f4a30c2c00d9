# LOCE's loss with random sampling and a normalised mask predictor, as in its authors' repository fcjian/LOCE. They
# train 24 epochs with cross-entropy, then the heads for 6 with this loss and sampled features: give the first stage
# with --stage2-from and --train heads. Else all of it is trained, with this loss.
_base_ = "ce.py"
recipe = dict(
    stage2=dict(trained="heads", epochs=6, milestones=[3, 5]),  # of --stage2-from
    repeat_factor=None,
    mask_predictor=dict(type="NormedConv2d", temperature=20),
)
