# Balanced Softmax with the sampling and the prior of its authors' repository cunjunyu/BalancedMetaSoftmax-InstanceSeg.
# They train with the plain sigmoid first (bce), then the classifier alone with this loss: this recipe trains all of it.
_base_ = "ce.py"
recipe = dict(prior_prob=0.001)
