# Open Images (Kuznetsova et al., IJCV 2020): LVIS's recipe. With 1.7 million training images, an epoch is 17 of LVIS's:
# give the length of the training with --max-iters.
_base_ = "lvis_v1.py"
