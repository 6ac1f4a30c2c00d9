# ECM as in the official configs; the class weights with the official float32 rounding.
_base_ = "../common.py"
recipe = dict(hyper_parameters=dict(float32_weights=True))
