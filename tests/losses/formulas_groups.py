"""The formulas of losses with margins, groups and class scores: LDAM, EFL, ACSL, BAGS and LOCE (see formulas.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from formulas import (
    Array,
    Formula,
    Labels,
    Term,
    at_least_one,
    bce,
    in_channels,
    log_sigmoid,
    log_softmax,
    one_hot,
    sigmoid,
    softmax,
    softmax_cross_entropy,
    sum_of_channels,
)

from lt_bench.api.class_stats import ClassStats


class LDAM(Formula):
    """Cao et al., equations 12 and 13: CE(s (z - m_y e_y), y), m_c = max_m n_c^(-1/4) / max_j n_j^(-1/4)."""

    def __init__(self, stats: ClassStats, max_m: float = 0.5, s: float = 30.0, background_margin: float = 0.0) -> None:
        super().__init__(stats)
        n = at_least_one(stats.instance_count)
        self.s = s
        self.m = np.append(max_m * n**-0.25 / (n**-0.25).max(), background_margin)

    def terms(self, s: Array, u: Labels, training: bool = True) -> dict[str, Term]:
        z = self.s * (s - one_hot(u, self.C + 1) * self.m)
        term = softmax_cross_entropy(z, u, len(u), magnitude=np.abs(z).max(initial=1))
        return {"loss": Term(term.value, self.s * term.gradient, term.value_unit, self.s * term.gradient_unit)}

    def scores(self, s: Array) -> Array:
        return softmax(self.s * s)


class EFL(Formula):
    """Li et al., equation 5: -alpha_t (gamma_j / gamma_b) (1 - p_t)^gamma_j log p_t, over the foreground RoIs.

    gamma_j = gamma_b + scale (1 - g_j), g_j the gradients of positives over those of negatives, 1 before any RoI.
    """

    def __init__(
        self, stats: ClassStats, focal_gamma: float = 2.0, focal_alpha: float = 0.25, scale_factor: float = 8.0
    ) -> None:
        super().__init__(stats)
        self.gamma_b, self.alpha, self.scale = focal_gamma, focal_alpha, scale_factor
        self.pos_grad, self.neg_grad, self.seen = np.zeros(self.C), np.zeros(self.C), np.zeros(())

    def terms(self, s: Array, u: Labels, training: bool = True) -> dict[str, Term]:
        y = one_hot(u, self.C)
        t = 2 * y - 1
        g = np.clip(self.pos_grad / (self.neg_grad + 1e-10), 0, 1) if self.seen > 0 else np.ones(self.C)
        gamma = self.gamma_b + self.scale * (1 - g)
        weight = np.where(y == 1, self.alpha, 1 - self.alpha) * gamma / self.gamma_b
        p_t, log_p_t = sigmoid(t * s), log_sigmoid(t * s)
        modulation = np.exp(gamma * log_sigmoid(-t * s))
        slope = weight * modulation * (sigmoid(-t * s) - gamma * p_t * log_p_t)
        term = sum_of_channels(
            s, -weight * modulation * log_p_t, -t * slope, weight * (1 + gamma), int(np.sum(u < self.C))
        )
        if training:
            divisor = max(1, int(np.sum(u < self.C)))
            self.pos_grad = self.pos_grad + (y * slope).sum(axis=0) / divisor
            self.neg_grad = self.neg_grad + ((1 - y) * slope).sum(axis=0) / divisor
            self.seen = self.seen + len(u)
        return {"loss": term}

    def scores(self, s: Array) -> Array:
        return np.concatenate([sigmoid(s), np.zeros((len(s), 1))], axis=1)

    def state(self) -> dict[str, Array]:
        return {"pos_grad": self.pos_grad, "neg_grad": self.neg_grad, "seen": self.seen}


class Drawing(Formula):
    """A loss that draws. Chance is not the formula's: set `sample` before each call, as `draw_sample` returned it."""

    sample: Any = None

    def __init__(self, stats: ClassStats) -> None:
        super().__init__(stats)
        self.draw = np.zeros(())

    def state(self) -> dict[str, Array]:
        return {"draw": self.draw}


class ACSL(Drawing):
    """Wang et al., equation 4: binary cross-entropy, its weights 1 where sigmoid(s_j) >= score_thr; beside it the draw
    among background RoIs of the official code.
    """

    def __init__(
        self, stats: ClassStats, score_thr: float = 0.7, rare_share: float = 0.01, common_share: float = 0.1
    ) -> None:
        super().__init__(stats)
        self.thr = score_thr
        images = np.append(at_least_one(stats.image_count), np.inf)  # background is never left out
        self.rare, self.common = images <= 10, (images > 10) & (images <= 100)

    def terms(self, s: Array, u: Labels, training: bool = True, seen: Array | None = None) -> dict[str, Term]:
        self.draw = self.draw + training
        y = one_hot(u, self.C + 1)
        kept_rare, kept_common = (np.asarray(kept)[:, None] for kept in self.sample)
        of_foreground = (y == 1) | (sigmoid(s if seen is None else seen) >= self.thr)
        of_background = np.where(self.rare, kept_rare, np.where(self.common, kept_common, True))
        w = np.where((u < self.C)[:, None], of_foreground, of_background).astype(float)
        return {"loss": sum_of_channels(s, w * bce(s, y), w * (sigmoid(s) - y), w, len(u))}

    def scores(self, s: Array) -> Array:
        return sigmoid(s)


class BAGS(Drawing):
    """Li et al., section 4.3: sum over bins of sum_n w_n CE(bin) / max(1, sum_n w_n), "others" first in each group."""

    def __init__(
        self, stats: ClassStats, others_sample_ratio: float = 8.0, borders: Sequence[int] = (10, 100, 1000)
    ) -> None:
        super().__init__(stats)
        groups: list[list[int]] = [[] for _ in range(len(borders) + 1)]
        for c, count in enumerate(at_least_one(stats.instance_count)):
            groups[sum(count >= border for border in borders)].append(c)
        self.groups = groups

    def bins(self) -> list[tuple[slice, list[int]]]:
        """Channels and classes of each group."""
        found, first = [], 2
        for group in self.groups:
            found.append((slice(first, first + 1 + len(group)), group))
            first += 1 + len(group)
        return found

    def terms(self, s: Array, u: Labels, training: bool = True) -> dict[str, Term]:
        self.draw = self.draw + training
        rows, sample = np.arange(len(u)), np.asarray(self.sample)
        parts = [self._bin(s, rows, np.where(u < self.C, 1, 0), slice(0, 2), len(u))]
        for number, (channels, group) in enumerate(self.bins()):
            kept = rows[sample[1 + number]]
            label = np.array([1 + group.index(c) if c in group else 0 for c in u[kept].tolist()], dtype=np.int64)
            parts.append(self._bin(s, kept, label, channels, len(kept)))
        return {
            "loss": Term(
                sum(part.value for part in parts),
                np.sum([part.gradient for part in parts], axis=0),
                sum(part.value_unit for part in parts),
                max(part.gradient_unit for part in parts),
            )
        }

    def _bin(self, s: Array, rows: Labels, label: Labels, channels: slice, divisor: int) -> Term:
        return in_channels(softmax_cross_entropy(s[rows, channels], label, divisor), s.shape, rows, channels)

    def scores(self, s: Array) -> Array:
        scores = np.zeros((len(s), self.C + 1))
        scores[:, -1] = softmax(s[:, :2])[:, 0]
        for channels, group in self.bins():
            scores[:, group] = softmax(s[:, :2])[:, 1:] * softmax(s[:, channels])[:, 1:]
        return scores


class LOCE(Formula):
    """Feng et al., equations 3 to 5: CE(z + log s, y), s_c the mean of softmax(z)_c over RoIs of class c, decayed."""

    def __init__(self, stats: ClassStats, alpha: float = 0.9, bg_score: float = 0.01) -> None:
        super().__init__(stats)
        self.alpha, self.bg_score = alpha, bg_score
        self.s_c = np.full(self.C + 1, bg_score)

    def terms(self, s: Array, u: Labels, training: bool = True, seen: Array | None = None) -> dict[str, Term]:
        p = np.exp(log_softmax(s)) if len(s) else s
        if training:
            for c in range(self.C):
                observed = p[u == c, c]
                keep = self.alpha ** len(observed)
                if len(observed):
                    self.s_c[c] = keep * self.s_c[c] + (1 - keep) * observed.mean()
            self.s_c[-1] = self.bg_score
        z = s + np.log(np.maximum(self.s_c, np.finfo(np.float32).tiny))
        return {"loss": softmax_cross_entropy(z, u, len(u), magnitude=np.abs(z).max(initial=1))}

    def scores(self, s: Array) -> Array:
        return softmax(s)

    def state(self) -> dict[str, Array]:
        return {"mean_score": self.s_c.copy()}


FORMULAS_OF_GROUPS: dict[str, type[Formula]] = {"ldam": LDAM, "efl": EFL, "acsl": ACSL, "bags": BAGS, "loce": LOCE}
