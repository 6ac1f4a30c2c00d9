"""FRACAL: fractal calibration (Alexandridis et al., CVPR 2025)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_bench.api.calibration import Base, Calibration, Need
from lt_bench.api.loss import Activation, widen

# Weight of a share q of the images, or of the instances: the names are those of IIF (arXiv 2209.04861).
WEIGHTS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "raw": lambda q: -q.log(),
    "prob": lambda q: ((1 - q) / q).log(),
    "normit": lambda q: -torch.special.ndtri(q),
    "gombit": lambda q: -(-torch.log1p(-q)).log(),
    "base2": lambda q: -q.log2(),
    "base10": lambda q: -q.log10(),
}
SMOOTH = "smooth"
VARIANTS = tuple(f"{name}{suffix}" for name in (*WEIGHTS, SMOOTH) for suffix in ("", "_obj"))
UNIFORM = {"": 300, "_obj": 1000}  # the count of every class against which the variant smooth is taken


class FraCal(Calibration):
    """Adds a weight for how rare a class is, and divides by how evenly its objects fill the image.

    With q_c = image_count_c / num_images, C the number of classes and D_c in [1, 2] the box-counting dimension of the
    centres of class c's boxes in the training set, the weight of the variant "base10" is

        w_c = -log10(q_c) - log10(C)

    its other variants have another function in place of -log10, minus the same function of 1 / C (raw: -ln q; prob:
    ln((1 - q) / q); normit: -Phi^-1(q); gombit: -ln(-ln(1 - q)); base2: -log2 q); those that end in _obj take
    the share of the instances for q. Background has w = 0 and D = 1. For a loss with softmax scores

        s_c = softmax(z + w)_c / D_c^fractal_l, divided by the sum over C + 1

    and for one with sigmoid scores, with h_c = -log10(D_c^fractal_l / sum_j D_j^fractal_l) - log10(C),

        s_c = sigmoid(z_c) sigmoid(z_c + w_c + h_c)

    logits: [N, C + 1] or [N, C] by the base.

    The shares of the images do not sum to 1, since an image shows several classes; the official code has it so. So is
    its variant smooth, ln((N + 1) / (i_c + 1)) - ln((300 C + 1) / 301) + 2 with N the images (smooth_obj: instances,
    1000, 1001): its 2 favours every class against background, where a difference of weights would have none.

    Args:
        base: what is calibrated; its num_images counts all training images, those without annotations too.
        variant: of the weight, see above.
        fractal_l: exponent of the fractal dimension, at least 0.

    Raises:
        NotDefinedError: the base's scores are neither softmax nor sigmoid.
        UserError: the fractal dimension is not known.
        ValueError: a hyper-parameter is out of range.
    """

    paper = "Alexandridis et al., Fractal Calibration for Long-tailed Object Detection, CVPR 2025, arXiv 2410.11774"
    bases: ClassVar[tuple[Activation, ...]] = ("softmax", "sigmoid")
    needs: ClassVar[tuple[Need, ...]] = ("fractal_dimension",)
    tuned: ClassVar[str] = "fractal_l"
    grid: ClassVar[tuple[float, ...]] = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
    weight: Tensor  # float64 [K], w
    log_fractal: Tensor  # float64 [K], log(D^fractal_l)
    evenness: Tensor  # float64 [K], h; of a sigmoid base

    def __init__(self, base: Base, variant: str = "base10", fractal_l: float = 2.0) -> None:
        super().__init__(base)
        if variant not in VARIANTS:
            raise ValueError(f"FraCal: variant is {variant!r}, expected one of {', '.join(VARIANTS)}")
        if not 0 <= fractal_l < math.inf:
            raise ValueError(f"FraCal: fractal_l is {fractal_l}, expected a finite number of at least 0")
        self.variant, self.fractal_l = variant, fractal_l
        dimension = torch.tensor(base.fractal_dimension, dtype=torch.float64)
        if len(dimension) != self.num_classes:
            raise ValueError(f"FraCal: {len(dimension)} fractal dimensions for {self.num_classes} classes")
        weight, log_fractal = self._weight(), fractal_l * dimension.log()
        share = log_fractal.log_softmax(dim=0)  # of the sum over the classes
        evenness = -share / math.log(10) - math.log10(self.num_classes)
        background = 1 if self.activation == "softmax" else 0
        self.register_buffer("weight", F.pad(weight, (0, background)), persistent=False)
        self.register_buffer("log_fractal", F.pad(log_fractal, (0, background)), persistent=False)
        self.register_buffer("evenness", F.pad(evenness, (0, background)), persistent=False)

    def scores(self, logits: Tensor) -> Tensor:
        logits = widen(logits)
        weight = self.weight.to(logits)
        if self.activation == "softmax":
            # dividing exponentials by D^l and then by their sum is one softmax
            return (logits + weight - self.log_fractal.to(logits)).softmax(dim=-1)
        return F.pad(logits.sigmoid() * (logits + weight + self.evenness.to(logits)).sigmoid(), (0, 1))

    def _weight(self) -> Tensor:
        """w of the classes, float64 [C]."""
        stats, classes = self.base.stats, self.num_classes
        name, underscore, objects = self.variant.partition("_")
        counts = stats.instances() if objects else stats.images()
        total = counts.sum().item() if objects else float(stats.num_images)
        if name == SMOOTH:
            uniform = UNIFORM[underscore + objects]
            return ((total + 1) / (counts + 1)).log() - math.log((uniform * classes + 1) / (uniform + 1)) + 2
        largest = 1 - 2.0**-24  # of a class in every image, prob, normit and gombit would be infinite
        even = torch.tensor([1 / classes], dtype=torch.float64)
        return WEIGHTS[name]((counts / total).clamp(max=largest)) - WEIGHTS[name](even.clamp(max=largest))
