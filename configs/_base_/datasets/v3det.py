# V3Det (Wang et al., ICCV 2023), 13,204 classes: images, batch and budgets of LVIS.
_base_ = "lvis_v1.py"
# As in the official configs, one box per RoI. A box for each class would be 54 million weights, and 0.2 GB of
# predictions for the 1,000 proposals of an image.
recipe = dict(class_agnostic_boxes=True)
