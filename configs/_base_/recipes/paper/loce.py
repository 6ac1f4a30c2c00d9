# LOCE's loss with random sampling and a normalised mask predictor, as in its authors' repository fcjian/LOCE. They
# train 24 epochs with cross-entropy, then 6 with this loss and sampled features: this recipe trains all with the loss.
_base_ = "ce.py"
recipe = dict(repeat_factor=None, mask_predictor=dict(type="NormedConv2d", temperature=20))
