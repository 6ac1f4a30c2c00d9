# The embedded data set with LVIS's long tail: images and budgets of `glyphs`, 150 classes, the rarest in one image and
# the most frequent in every other.
_base_ = "glyphs.py"
# At 3,000 images LVIS's threshold would repeat none: a class of one image is frequency 3e-4, of four images 1.3e-3.
recipe = dict(auto_repeat_factor=True)
