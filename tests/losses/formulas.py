"""The losses as their papers define them, in float64: what the tests of losses/ compare with.

Plain numpy, and nothing of the code under test but the class counts. Throughout, s [N, K] are the logits, u [N] the
labels with background = C, y [N, K] the one-hot labels, and the divisor is N unless said otherwise. Gradients are
closed forms, which test_formulas.py checks against central differences of the values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal, localcontext

import numpy as np
import numpy.typing as npt

from lt_bench.api.class_stats import ClassStats

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Term:
    """One scalar of a loss.

    value, gradient [N, K]: of the term and with respect to the logits.
    value_unit, gradient_unit: by how much value and an entry of the gradient may move when intermediate results move
    by one part: an implementation in a type of precision epsilon may be off by a few epsilon times that.
    """

    value: float
    gradient: Array
    value_unit: float
    gradient_unit: float


class Formula(ABC):
    """A loss with the state that its calls leave behind."""

    def __init__(self, stats: ClassStats) -> None:
        self.C = len(stats.instance_count)

    @abstractmethod
    def terms(self, s: Array, u: Labels, training: bool = True) -> dict[str, Term]:
        """The terms by name ("loss" if there is but one). State moves only in training."""

    @abstractmethod
    def scores(self, s: Array) -> Array:
        """[N, C + 1], background last."""

    def state(self) -> dict[str, Array]:
        return {}


class CrossEntropy(Formula):
    """Girshick, Fast R-CNN, the classification term of equation 1: -log softmax(s)_u."""

    def terms(self, s: Array, u: Labels, training: bool = True) -> dict[str, Term]:
        return {"loss": softmax_cross_entropy(s, u, len(u))}

    def scores(self, s: Array) -> Array:
        return softmax(s)


class Focal(Formula):
    """Lin et al., equation 5: FL = -alpha_t (1 - p_t)^gamma log(p_t), divided by the number of foreground RoIs.

    Its derivative (appendix B), with t = 1 for a positive and -1 for a negative, so that p_t = sigmoid(t s):
    t alpha_t (1 - p_t)^gamma (gamma p_t log(p_t) + p_t - 1).
    """

    def __init__(self, stats: ClassStats, alpha: float = 0.25, gamma: float = 2.0) -> None:
        super().__init__(stats)
        self.alpha, self.gamma = alpha, gamma

    def terms(self, s: Array, u: Labels, training: bool = True) -> dict[str, Term]:
        y = one_hot(u, self.C)
        t = 2 * y - 1
        alpha_t = np.where(y == 1, self.alpha, 1 - self.alpha)
        p_t, log_p_t = sigmoid(t * s), log_sigmoid(t * s)
        modulation = sigmoid(-t * s) ** self.gamma
        fl = -alpha_t * modulation * log_p_t
        slope = t * alpha_t * modulation * (self.gamma * p_t * log_p_t - sigmoid(-t * s))
        return {"loss": sum_of_channels(s, fl, slope, alpha_t, int(np.sum(u < self.C)))}

    def scores(self, s: Array) -> Array:
        return np.concatenate([sigmoid(s), np.zeros((len(s), 1))], axis=1)


class EQL(Formula):
    """Tan et al. 2020, section 3 (sigmoid form): -sum_j w_j log(p^_j), w_j = 1 - E(r) T_lambda(f_j) (1 - y_j)."""

    def __init__(self, stats: ClassStats, lambda_: float = 0.0011) -> None:
        super().__init__(stats)
        f = at_least_one(stats.image_count) / stats.num_images
        self.T = np.where(f < lambda_, 1.0, 0.0)

    def terms(self, s: Array, u: Labels, training: bool = True) -> dict[str, Term]:
        y = one_hot(u, self.C)
        E = np.where(u < self.C, 1.0, 0.0)[:, None]
        w = 1 - E * self.T * (1 - y)
        return {"loss": sum_of_channels(s, w * bce(s, y), w * (sigmoid(s) - y), w, len(u))}

    def scores(self, s: Array) -> Array:
        return np.concatenate([sigmoid(s), np.zeros((len(s), 1))], axis=1)


class EQLv2(Formula):
    """Tan et al. 2021, section 3: with g_j the accumulated gradient of positives over that of negatives,

    f(x) = 1 / (1 + exp(-gamma (x - mu))),  q_j = 1 + alpha (1 - f(g_j)),  r_j = f(g_j),
    L = sum_j (y_j q_j + (1 - y_j) r_j) BCE(sigmoid(s_j), y_j), with q = r = 1 before anything is accumulated and for
    the background channel. The gradients |sigmoid(s) - y| are accumulated with their weights, after their use.
    The 1e-10 under the fraction is the official code's.
    """

    def __init__(self, stats: ClassStats, gamma: float = 12.0, mu: float = 0.8, alpha: float = 4.0) -> None:
        super().__init__(stats)
        self.gamma, self.mu, self.alpha = gamma, mu, alpha
        self.pos_grad, self.neg_grad = np.zeros(self.C), np.zeros(self.C)

    def terms(self, s: Array, u: Labels, training: bool = True) -> dict[str, Term]:
        y = one_hot(u, self.C + 1)
        g = self.pos_grad / (self.neg_grad + 1e-10)
        f = np.where(self.pos_grad + self.neg_grad == 0, 1.0, sigmoid(self.gamma * (g - self.mu)))
        r = np.append(f, 1.0)
        q = 1 + self.alpha * (1 - r)
        w = y * q + (1 - y) * r
        if training:
            self.pos_grad = self.pos_grad + (q * y * sigmoid(-s)).sum(axis=0)[:-1]
            self.neg_grad = self.neg_grad + (r * (1 - y) * sigmoid(s)).sum(axis=0)[:-1]
        return {"loss": sum_of_channels(s, w * bce(s, y), w * (sigmoid(s) - y), w, len(u))}

    def scores(self, s: Array) -> Array:
        return unless_background(s)

    def state(self) -> dict[str, Array]:
        return {"pos_grad": self.pos_grad, "neg_grad": self.neg_grad}


class Seesaw(Formula):
    """Wang et al., section 3: for a foreground RoI of class i, with n_j the RoIs of class j up to and with this call,

    M_ij = min(1, (n_j / n_i)^p),  C_ij = max(1, (sigma_j / sigma_i)^q),
    loss_cls_classes = -log( e^s_i / (e^s_i + sum over j != i of M_ij C_ij e^s_j) ),
    and for every RoI the cross-entropy of object against background, loss_cls_objectness.
    As in the official code, n >= 1, sigma_i >= eps, and M and C are constants to the gradient.
    """

    def __init__(self, stats: ClassStats, p: float = 0.8, q: float = 2.0, eps: float = 1e-2) -> None:
        super().__init__(stats)
        self.p, self.q, self.eps = p, q, eps
        self.n: Array = np.zeros(self.C + 1)

    def terms(self, s: Array, u: Labels, training: bool = True, seen: Array | None = None) -> dict[str, Term]:
        """`seen` are the logits that C is taken from, in place of s: what a constant to the gradient means."""
        if training:
            self.n = self.n + np.bincount(u, minlength=self.C + 1)
        N, foreground = len(u), u < self.C
        i, rows = u[foreground], np.arange(foreground.sum())
        log_n = np.log(at_least_one(self.n[:-1]))
        log_M = np.minimum(0, self.p * (log_n - log_n[i][:, None]))
        log_sigma = log_softmax((s if seen is None else seen)[foreground, :-2])
        log_sigma_i = np.maximum(log_sigma[rows, i], np.log(self.eps))[:, None]
        log_C = np.maximum(0, self.q * (log_sigma - log_sigma_i))
        factors = np.where(one_hot(i, self.C) == 1, 0, log_M + log_C)
        z = s[foreground, :-2] + factors
        classes = softmax_cross_entropy(z, i, N, magnitude=np.abs(z).max(initial=1))
        objectness = softmax_cross_entropy(s[:, -2:], np.where(foreground, 0, 1), N)
        return {
            "loss_cls_classes": in_channels(classes, s.shape, np.nonzero(foreground)[0], slice(None, -2)),
            "loss_cls_objectness": in_channels(objectness, s.shape, np.arange(N), slice(-2, None)),
        }

    def scores(self, s: Array) -> Array:
        objectness = softmax(s[:, -2:])
        return np.concatenate([softmax(s[:, :-2]) * objectness[:, :1], objectness[:, 1:]], axis=1)

    def state(self) -> dict[str, Array]:
        return {"cum_samples": self.n}


class Federated(Formula):
    """Zhou, Koltun and Krähenbühl, section 5 (federated loss): sum over j in S of BCE(sigmoid(s_j), y_j).

    The subset S is chance: set it before each call.
    """

    S: Collection[int] = ()

    def __init__(self, stats: ClassStats, num_sample_cats: int = 50, freq_power: float = 0.5) -> None:
        super().__init__(stats)
        self.draw = np.zeros(())

    def terms(self, s: Array, u: Labels, training: bool = True) -> dict[str, Term]:
        y = one_hot(u, self.C + 1)
        in_S = np.isin(np.arange(self.C + 1), list(self.S)) * np.ones_like(s)
        self.draw = self.draw + training
        return {"loss": sum_of_channels(s, in_S * bce(s, y), in_S * (sigmoid(s) - y), in_S, len(u))}

    def scores(self, s: Array) -> Array:
        return sigmoid(s)

    def state(self) -> dict[str, Array]:
        return {"draw": self.draw}


class ECM(Formula):
    """Cho and Krähenbühl, section 4: with n the counts of all C + 1 channels, m = sum(n) - n and a = m / n,

    p = w+ e^s / (w+ e^s + w- e^-s),  w+ = 1 + (n / m)^(1/4),  w- = 1 + (m / n)^(1/4),
    L = sum_c a_c log((1 + a_c) / a_c) BCE(p_c, y_c), where n_bg = fg_bg_ratio sum over classes of n.
    """

    def __init__(self, stats: ClassStats, fg_bg_ratio: float = 6.3313) -> None:
        super().__init__(stats)
        n = [Decimal(max(1, count)) for count in stats.instance_count]
        with localcontext() as context:
            context.prec = 40  # (1 + a) / a as it is written loses as many digits as a has
            n.append(Decimal(fg_bg_ratio) * sum(n))
            m = [sum(n) - n_c for n_c in n]
            a = [m_c / n_c for m_c, n_c in zip(m, n, strict=True)]
            self.weight = np.array([float(a_c * ((1 + a_c) / a_c).ln()) for a_c in a])
        root = np.array([float(a_c) for a_c in a]) ** 0.25
        self.log_w_plus, self.log_w_minus = np.log(1 + 1 / root), np.log(1 + root)

    def terms(self, s: Array, u: Labels, training: bool = True) -> dict[str, Term]:
        y = one_hot(u, self.C + 1)
        odds = (self.log_w_plus + s) - (self.log_w_minus - s)  # log(p / (1 - p))
        w = self.weight * np.ones_like(s)
        return {"loss": sum_of_channels(s, w * bce(odds, y), 2 * w * (sigmoid(odds) - y), 2 * w, len(u))}

    def scores(self, s: Array) -> Array:
        return unless_background(s)


FORMULAS: dict[str, type[Formula]] = {
    "ce": CrossEntropy,
    "focal": Focal,
    "eql": EQL,
    "eqlv2": EQLv2,
    "seesaw": Seesaw,
    "federated": Federated,
    "ecm": ECM,
}


def total(terms: dict[str, Term]) -> float:
    return sum(term.value for term in terms.values())


def total_gradient(terms: dict[str, Term]) -> Array:
    return np.sum([term.gradient for term in terms.values()], axis=0)


def at_least_one(counts: npt.ArrayLike) -> Array:
    return np.maximum(np.asarray(counts, dtype=np.float64), 1)


def one_hot(u: Labels, channels: int) -> Array:
    """[N, channels]; a label beyond the channels (background of a loss that has none) is a row of zeros."""
    return np.where(u[:, None] == np.arange(channels), 1.0, 0.0)


def log_sigmoid(s: Array) -> Array:
    return -np.logaddexp(0, -s)


def sigmoid(s: Array) -> Array:
    return np.exp(log_sigmoid(s))


def bce(s: Array, y: Array) -> Array:
    """-y log(p) - (1 - y) log(1 - p) with p = sigmoid(s), elementwise."""
    return -y * log_sigmoid(s) - (1 - y) * log_sigmoid(-s)


def log_softmax(s: Array) -> Array:
    s = s - s.max(axis=1, keepdims=True)
    return s - np.log(np.exp(s).sum(axis=1, keepdims=True))


def softmax(s: Array) -> Array:
    return np.exp(log_softmax(s))


def unless_background(s: Array) -> Array:
    """Scores sigmoid(s_j) (1 - sigmoid(s_bg)), and sigmoid(s_bg) for background."""
    return np.concatenate([sigmoid(s[:, :-1]) * sigmoid(-s[:, -1:]), sigmoid(s[:, -1:])], axis=1)


def softmax_cross_entropy(s: Array, u: Labels, divisor: int, magnitude: float = 1.0) -> Term:
    """Sum over RoIs of -log softmax(s)_u = log(sum_j e^(s_j - s_u)), divided.

    magnitude: of the largest number that had to be rounded to make s, where s is not given but computed.
    """
    own = s[np.arange(len(u)), u][:, None]
    value = np.logaddexp.reduce(s - own, axis=1).sum()
    divisor = max(1, divisor)
    unit = magnitude / divisor
    return Term(value / divisor, (softmax(s) - one_hot(u, s.shape[1])) / divisor, len(u) * unit, unit)


def sum_of_channels(s: Array, losses: Array, slopes: Array, weights: Array, divisor: int) -> Term:
    """Sum over RoIs and channels of `losses`, whose derivatives are `slopes`, divided. All [N, K]."""
    divisor = max(1, divisor)
    # s + softplus(-s) is how BCE is commonly evaluated: it rounds to the precision of s, until softplus(-s) vanishes.
    value_unit = (weights * np.minimum(1 + np.abs(s), 40)).sum() / divisor
    return Term(losses.sum() / divisor, slopes / divisor, value_unit, weights.max(initial=0) / divisor)


def in_channels(term: Term, shape: tuple[int, ...], rows: Labels, channels: slice) -> Term:
    """A term of some rows and channels, with its gradient in the place that these have in logits of `shape`."""
    gradient = np.zeros(shape)
    gradient[rows, channels] = term.gradient
    return Term(term.value, gradient, term.value_unit, term.gradient_unit)
