"""Formulas in float64, as formulas.py has them: losses made for image classification, over C + 1 channels."""

from __future__ import annotations

from decimal import Decimal, localcontext
from statistics import NormalDist
from typing import Any

import numpy as np
from formulas import (
    Array,
    Formula,
    Labels,
    Term,
    at_least_one,
    bce,
    log_sigmoid,
    log_softmax,
    one_hot,
    sigmoid,
    softmax,
    softmax_cross_entropy,
    sum_of_channels,
)

from lt_bench.api.class_stats import ClassStats


class LogitAdjustment(Formula):
    """Menon et al., equation 10: -log softmax(s + log(pi^tau + 1e-12))_u, pi_j = C n_j / sum(n), pi_bg given."""

    def __init__(self, stats: ClassStats, tau: float = 1.0, background_prior: float = 1.0) -> None:
        super().__init__(stats)
        n = at_least_one(stats.instance_count)
        pi = np.append(self.C * n / n.sum(), background_prior)
        self.shift = np.log(pi**tau + 1e-12)

    def terms(self, s: Array, u: Labels, training: bool = True) -> dict[str, Term]:
        z = s + self.shift
        return {"loss": softmax_cross_entropy(z, u, len(u), magnitude=np.abs(z).max(initial=1))}

    def scores(self, s: Array) -> Array:
        return softmax(s)


class ClassBalanced(Formula):
    """Cui et al., equations 10 to 13: w_u times softmax cross-entropy, sigmoid cross-entropy or focal loss,

    w_j = (1 - beta) / (1 - beta^n_j), scaled to a mean of 1, with n_bg = round(fg_bg_ratio sum(n)).
    """

    def __init__(
        self,
        stats: ClassStats,
        kind: str = "softmax",
        beta: float = 0.9999,
        gamma: float = 1.0,
        fg_bg_ratio: float = 6.3313,
    ) -> None:
        super().__init__(stats)
        self.kind, self.gamma = kind, gamma
        n = [int(count) for count in at_least_one(stats.instance_count)]
        n.append(max(1, round(fg_bg_ratio * sum(n))))
        with localcontext() as context:
            context.prec = 40  # 1 - beta^n loses the digits of a beta near 1
            w = [(1 - Decimal(beta)) / (1 - Decimal(beta) ** n_j) for n_j in n]
            self.w = np.array([float(w_j * len(w) / sum(w)) for w_j in w])

    def terms(self, s: Array, u: Labels, training: bool = True) -> dict[str, Term]:
        y, w = one_hot(u, self.C + 1), self.w[u][:, None] * np.ones_like(s)
        if self.kind == "softmax":
            divisor = max(1, len(u))
            losses = -(w * y * log_softmax(s)).sum() / divisor
            return {"loss": Term(losses, w * (softmax(s) - y) / divisor, w[:, 0].sum() / divisor, w.max(initial=0))}
        t = 2 * y - 1
        if self.kind == "sigmoid":
            return {"loss": sum_of_channels(s, w * bce(s, y), w * (sigmoid(s) - y), w, len(u))}
        modulation, log_p = sigmoid(-t * s) ** self.gamma, log_sigmoid(t * s)
        slopes = t * modulation * (self.gamma * sigmoid(t * s) * log_p - sigmoid(-t * s))
        return {"loss": sum_of_channels(s, -w * modulation * log_p, w * slopes, w, len(u))}

    def scores(self, s: Array) -> Array:
        return softmax(s) if self.kind == "softmax" else sigmoid(s)


class IIF(Formula):
    """Alexandridis et al. 2023, table 1: -log softmax(w s)_u, w of the share q of images or instances, w_bg = 1."""

    def __init__(self, stats: ClassStats, variant: str = "raw") -> None:
        super().__init__(stats)
        of_instances = variant.endswith("_obj")
        n = at_least_one(stats.instance_count if of_instances else stats.image_count)
        total = n.sum() if of_instances else float(stats.num_images)
        q, below = n / total, np.minimum(n, total - 0.5) / total
        w = {
            "raw": lambda: -np.log(q),
            "smooth": lambda: np.log((total + 1) / (n + 1)) + 1,
            "prob": lambda: np.log((1 - below) / below),
            "normit": lambda: np.array([-NormalDist().inv_cdf(share) for share in below]),
            "gombit": lambda: -np.log(-np.log(1 - below)),
            "base2": lambda: -np.log2(q),
            "base10": lambda: -np.log10(q),
        }[variant.removesuffix("_obj")]()
        self.w = np.append(w, 1.0)

    def terms(self, s: Array, u: Labels, training: bool = True) -> dict[str, Term]:
        z = self.w * s
        term = softmax_cross_entropy(z, u, len(u), magnitude=np.abs(z).max(initial=1))
        largest = np.abs(self.w).max()
        return {"loss": Term(term.value, self.w * term.gradient, term.value_unit, largest * term.gradient_unit)}

    def scores(self, s: Array) -> Array:
        return softmax(self.w * s)


FORMULAS_OF_CLASSIFICATION: dict[str, Any] = {
    "logit_adjustment": LogitAdjustment,
    "class_balanced": ClassBalanced,
    "iif": IIF,
}
