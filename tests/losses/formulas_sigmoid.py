"""Formulas in float64, as formulas.py has them: sigmoid losses over C classes, and those of the Gumbel activation."""

from __future__ import annotations

from typing import Any

import numpy as np
from formulas import Array, Formula, Labels, Term, at_least_one, bce, one_hot, sigmoid, sum_of_channels
from formulas_groups import Drawing

from lt_bench.api.class_stats import ClassStats


class OfClasses(Formula):
    """K = C: scores are sigmoids, and 0 for background."""

    def scores(self, s: Array) -> Array:
        return np.concatenate([sigmoid(s), np.zeros((len(s), 1))], axis=1)


class BinaryCrossEntropy(OfClasses):
    """Tan et al. 2020, the baseline of EQL: sum_j BCE(sigmoid(s_j), y_j)."""

    def terms(self, s: Array, u: Labels, training: bool = True) -> dict[str, Term]:
        y = one_hot(u, self.C)
        return {"loss": sum_of_channels(s, bce(s, y), sigmoid(s) - y, np.ones_like(s), len(u))}


class BalancedSoftmax(OfClasses):
    """Ren et al., the sigmoid form of their code: for foreground RoIs BCE of z_j = s_j - log((1 - f_j) / f_j).

    f_j, the share of the images, is kept half an image below 1, where the shift would be infinite.
    """

    def __init__(self, stats: ClassStats) -> None:
        super().__init__(stats)
        images = np.minimum(at_least_one(stats.image_count), stats.num_images - 0.5)
        self.prior_odds = (stats.num_images - images) / images

    def terms(self, s: Array, u: Labels, training: bool = True) -> dict[str, Term]:
        y = one_hot(u, self.C)
        z = s - np.where(u < self.C, 1.0, 0.0)[:, None] * np.log(self.prior_odds)
        return {"loss": sum_of_channels(z, bce(z, y), sigmoid(z) - y, np.ones_like(s), len(u))}


class Dropping(Drawing, OfClasses):
    """The weights of DropLoss (Hsieh et al., section 3.3): with T_j = 1 where f_j < lambda_,

    w_j = 0 where T_j = 1 and y_j = 0, for a foreground RoI always, for background where the drawn u_j exceeds
    rho, the RoIs of tail classes over the foreground RoIs; else 1. Without a foreground RoI, nothing is dropped.
    """

    def __init__(self, stats: ClassStats, lambda_: float) -> None:
        super().__init__(stats)
        self.T = at_least_one(stats.image_count) / stats.num_images < lambda_

    def weights(self, u: Labels) -> Array:
        w = np.ones((len(u), self.C))
        objects = [label for label in u if label < self.C]
        of_tail = [label for label in objects if self.T[label]]
        for n, label in enumerate(u):
            for j in np.nonzero(self.T)[0]:
                if label == self.C:
                    # In float32, as it is drawn and compared.
                    rho = np.float32(len(of_tail)) / np.float32(len(objects)) if objects else 1.0
                    w[n, j] = 0.0 if self.sample[n, j] > rho else 1.0
                elif j != label:
                    w[n, j] = 0.0
        return w


class DropLoss(Dropping):
    """Hsieh et al., equation 4: sum_j w_j BCE(sigmoid(s_j), y_j)."""

    def __init__(self, stats: ClassStats, lambda_: float = 0.0010062) -> None:
        super().__init__(stats, lambda_)

    def terms(self, s: Array, u: Labels, training: bool = True) -> dict[str, Term]:
        self.draw = self.draw + training
        y, w = one_hot(u, self.C), self.weights(u)
        return {"loss": sum_of_channels(s, w * bce(s, y), w * (sigmoid(s) - y), w, len(u))}


def gumbel(s: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.exp(-np.exp(-s))


def gumbel_terms(s: Array, y: Array, w: Array, low: float, high: float) -> dict[str, Term]:
    """Alexandridis et al. 2022, section 3.3: with p = exp(-exp(-z)), z = s between low and high,

    sum_j w_j (-y_j log(p_j) - (1 - y_j) log(1 - p_j)). The derivatives of the two parts are -exp(-z) and
    exp(-z) p / (1 - p) = exp(-z) / (exp(exp(-z)) - 1), and 0 outside of the bounds.
    """
    z = np.clip(s, low, high)
    e = np.exp(-z)
    with np.errstate(over="ignore"):
        losses = y * e - (1 - y) * np.log(-np.expm1(-e))
        slopes = -y * e + (1 - y) * e / np.expm1(e)
    slopes = np.where((s >= low) & (s <= high), slopes, 0)
    # e is rounded as z is, relative to its size.
    weights = w * np.where(y == 1, e, 1 + e / np.maximum(e, 1))
    return {"loss": sum_of_channels(z, w * losses, w * slopes, weights, len(y))}


class GumbelCE(Formula):
    """Binary cross-entropy of the Gumbel activation over C + 1 channels."""

    def __init__(self, stats: ClassStats, clamp_low: float = -4.0, clamp_high: float = 10.0) -> None:
        super().__init__(stats)
        self.bounds = clamp_low, clamp_high

    def terms(self, s: Array, u: Labels, training: bool = True) -> dict[str, Term]:
        return gumbel_terms(s, one_hot(u, self.C + 1), np.ones_like(s), *self.bounds)

    def scores(self, s: Array) -> Array:
        return gumbel(s)


class GOL(Dropping):
    """The same over C classes, with the weights of DropLoss."""

    def __init__(
        self, stats: ClassStats, lambda_: float = 0.0011, clamp_low: float = -4.0, clamp_high: float = 10.0
    ) -> None:
        super().__init__(stats, lambda_)
        self.bounds = clamp_low, clamp_high

    def terms(self, s: Array, u: Labels, training: bool = True) -> dict[str, Term]:
        self.draw = self.draw + training
        return gumbel_terms(s, one_hot(u, self.C), self.weights(u), *self.bounds)

    def scores(self, s: Array) -> Array:
        return np.concatenate([gumbel(s), np.zeros((len(s), 1))], axis=1)


FORMULAS_OF_SIGMOIDS: dict[str, Any] = {
    "bce": BinaryCrossEntropy,
    "balanced_softmax": BalancedSoftmax,
    "droploss": DropLoss,
    "gumbel_ce": GumbelCE,
    "gol": GOL,
}
