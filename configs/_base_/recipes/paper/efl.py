# EFL with the hyper-parameters and the classifier's prior of its authors' repository ModelTC/EOD: repeat factor
# sampling and 0.001. Their detectors are one-stage; the official loss computes with float32 probabilities.
_base_ = "ce.py"
recipe = dict(prior_prob=0.001, milestones={"2x": [16, 22]}, hyper_parameters=dict(float32_probability=True))
