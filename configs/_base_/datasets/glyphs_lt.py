# The embedded data set with LVIS's long tail: images and budgets of `glyphs`, 150 classes, the rarest in one image and
# the most frequent in every other.
_base_ = "glyphs.py"
# Of 3,000 images LVIS's threshold, 1e-3, would repeat only those with a class that one or two images show.
recipe = dict(auto_repeat_factor=True)
