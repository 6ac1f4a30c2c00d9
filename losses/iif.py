"""Inverse image frequency (Alexandridis et al., IEEE TIP 2023)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss, widen
from lt_bench.functional import cross_entropy

FORMS = ("raw", "smooth", "prob", "normit", "gombit", "base2", "base10")


class IIF(LongTailLoss):
    """Inverse image frequency: softmax cross-entropy of logits that are multiplied by a weight of their class.

    With u the label (u = C is background) and N RoIs:

        L = -1/N sum over RoIs of log softmax(w s)[u],    w_bg = 1

    and, with q_j = image_count_j / num_images and num_images all images of the training set,

        raw     w = -ln q                             prob    w = ln((1 - q) / q)
        base2   w = -log2 q                           normit  w = -Phi^-1(q), Phi the normal distribution
        base10  w = -log10 q                          gombit  w = -ln(-ln(1 - q))
        smooth  w = ln((num_images + 1) / (image_count + 1)) + 1

    With the suffix _obj instances are counted in place of images, and q is a share of all instances.

    logits: [N, C + 1], background last. Scores: softmax(w s), the weights included.

    The official code departs from nothing in this. The weights of prob, normit and gombit are negative for q above
    1/2 or so, which turns a logit round, there as well; they are infinite for a class in every image, so that q is at
    most 1 - 1 / (2 num_images) here. The published results add FASA's augmentation, repeat factors and a cosine
    classifier.

    Args:
        stats: class statistics of the training set.
        variant: raw, smooth, prob, normit, gombit, base2 or base10, each also with the suffix _obj.

    Raises:
        ValueError: there is no such variant.
    """

    paper = (
        "Alexandridis et al., Inverse Image Frequency for Long-tailed Image Recognition, IEEE TIP 2023, "
        "arXiv 2209.04861"
    )
    weight: Tensor  # float64 [C + 1]

    def __init__(self, stats: ClassStats, variant: str = "raw") -> None:
        super().__init__(stats)
        if variant.removesuffix("_obj") not in FORMS:
            raise ValueError(f"IIF: variant is {variant!r}, expected one of {', '.join(FORMS)}, or one with _obj")
        self.variant = variant
        if variant.endswith("_obj"):
            weight = inverse_frequency(variant.removesuffix("_obj"), stats.instances(), stats.instances().sum())
        else:
            weight = inverse_frequency(variant, stats.images(), torch.tensor(float(stats.num_images)))
        self.register_buffer("weight", torch.cat([weight, weight.new_ones(1)]), persistent=False)

    @property
    def num_logits(self) -> int:
        return self.num_classes + 1

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(logits * self.weight.to(logits), labels) / max(len(labels), 1)

    def scores(self, logits: Tensor) -> Tensor:
        logits = widen(logits)
        return (logits * self.weight.to(logits)).softmax(dim=-1)


def inverse_frequency(form: str, counts: Tensor, total: Tensor) -> Tensor:
    """The weight of each class by one of FORMS: float64 [C]. counts: [C], of `total`."""
    total = total.to(counts)
    share = counts / total
    below_one = torch.minimum(share, 1 - 0.5 / total)
    if form == "raw":
        return -share.log()
    if form == "smooth":
        return ((total + 1) / (counts + 1)).log() + 1
    if form == "prob":
        return -torch.logit(below_one)
    if form == "normit":
        quantiles: Tensor = torch.special.ndtri(below_one)
        return -quantiles
    if form == "gombit":
        return -(-torch.log1p(-below_one)).log()
    return -share.log() / math.log(2 if form == "base2" else 10)
