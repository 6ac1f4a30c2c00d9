# The federated loss with the solver of CenterNet2's LVIS configs (Zhou et al., arXiv 2103.07461) on this project's
# detectors: gradients clipped by value, warm-up over 4,000 iterations, prior 0.01. The paper's detector is CenterNet2.
_base_ = "ce.py"
recipe = dict(prior_prob=0.01, warmup=dict(iters=4000, start_factor=2.5e-4))
optim_wrapper = dict(clip_grad=dict(type="value", clip_value=1.0))
