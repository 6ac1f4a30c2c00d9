"""LDAM, EFL, ACSL, BAGS and LOCE in the manner of their official code (see reference_losses.py)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lt_bench.api.class_stats import ClassStats


class LDAM(nn.Module):
    """After LDAM-DRW's losses.py, without re-weighting. logits [N, C + 1]."""

    margin: Tensor

    def __init__(self, stats: ClassStats, max_m: float = 0.5, s: float = 30.0) -> None:
        super().__init__()
        self.s = s
        margin = 1 / stats.instances().sqrt().sqrt()
        self.register_buffer("margin", F.pad((margin * (max_m / margin.max())).float(), (0, 1)), persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        index = torch.zeros_like(logits, dtype=torch.bool)
        index.scatter_(1, labels[:, None], True)
        margin = self.margin[None].matmul(index.float().transpose(0, 1)).view(-1, 1)
        return F.cross_entropy(self.s * torch.where(index, logits - margin.to(logits), logits), labels)


class EFL(nn.Module):
    """After EOD, with logarithms of sigmoids, and gradients collected by a hook. logits [N, C]."""

    pos_grad: Tensor
    neg_grad: Tensor
    ratio: Tensor

    def __init__(
        self, stats: ClassStats, focal_gamma: float = 2.0, focal_alpha: float = 0.25, scale_factor: float = 8.0
    ) -> None:
        super().__init__()
        self.gamma, self.alpha, self.scale = focal_gamma, focal_alpha, scale_factor
        self.register_buffer("pos_grad", torch.zeros(stats.num_classes))
        self.register_buffer("neg_grad", torch.zeros(stats.num_classes))
        self.register_buffer("ratio", torch.ones(stats.num_classes))

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        classes = logits.shape[1]
        target = F.one_hot(labels, classes + 1)[:, :classes].to(logits)
        gamma = (self.gamma + self.scale * (1 - self.ratio)).view(1, -1).expand(target.shape).to(logits)
        if logits.requires_grad:
            logits.register_hook(lambda gradient: self._collect(gradient, target))  # type: ignore[no-untyped-call]
        score = logits.sigmoid()
        right = score * target + (1 - score) * (1 - target)
        loss = -F.logsigmoid(logits * (2 * target - 1)) * (1 - right).pow(gamma) * (gamma / self.gamma)
        weight = self.alpha * target + (1 - self.alpha) * (1 - target)
        return (weight * loss).sum() / (labels < classes).sum().clamp(min=1)

    def _collect(self, gradient: Tensor, target: Tensor) -> None:
        size = gradient.detach().abs().float()
        self.pos_grad += (size * target).sum(dim=0)
        self.neg_grad += (size * (1 - target)).sum(dim=0)
        self.ratio = (self.pos_grad / (self.neg_grad + 1e-10)).clamp(0, 1)


class ACSL(nn.Module):
    """After ACSL's repository; draws from torch's global generator. logits [N, C + 1]."""

    rare: Tensor
    common: Tensor

    def __init__(
        self, stats: ClassStats, score_thr: float = 0.7, rare_share: float = 0.01, common_share: float = 0.1
    ) -> None:
        super().__init__()
        self.thr, self.shares = score_thr, (rare_share, common_share)
        images = stats.images()
        self.register_buffer("rare", F.pad(images <= 10, (0, 1)), persistent=False)
        self.register_buffer("common", F.pad((images > 10) & (images <= 100), (0, 1)), persistent=False)

    def draw_sample(self, labels: Tensor) -> tuple[Tensor, ...]:
        background = (labels == len(self.rare) - 1).nonzero()[:, 0]
        drawn = []
        for share in self.shares:
            kept = torch.zeros_like(labels, dtype=torch.bool)
            kept[background[torch.randperm(len(background))[: int(share * len(background))]]] = True
            drawn.append(kept)
        return tuple(drawn)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        target = F.one_hot(labels, logits.shape[1]).to(logits)
        rare, common = self.draw_sample(labels)
        weight = ((logits.sigmoid() >= self.thr) | (target > 0)).to(logits)
        of_background = torch.ones_like(weight)
        of_background[:, self.rare] = rare.to(logits)[:, None]
        of_background[:, self.common] = common.to(logits)[:, None]
        weight = torch.where((labels == logits.shape[1] - 1)[:, None], of_background, weight)
        loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return (weight.detach() * loss).sum() / len(labels)


class BAGS(nn.Module):
    """After BalancedGroupSoftmax; draws from torch's global generator. logits [N, C + 6]."""

    def __init__(
        self, stats: ClassStats, others_sample_ratio: float = 8.0, borders: Sequence[int] = (10, 100, 1000)
    ) -> None:
        super().__init__()
        self.ratio = others_sample_ratio
        edges = [0, *borders, float("inf")]
        counts = stats.instances()
        self.num_classes = stats.num_classes
        labels = torch.zeros(len(edges), stats.num_classes + 1, dtype=torch.int64)
        labels[0, :-1] = 1
        self.widths = [2]
        for number in range(1, len(edges)):
            members = ((counts >= edges[number - 1]) & (counts < edges[number])).nonzero()[:, 0]
            labels[number, members] = torch.arange(1, len(members) + 1)
            self.widths.append(1 + len(members))
        self.register_buffer("label_of_bin", labels, persistent=False)

    def draw_sample(self, labels: Tensor) -> Tensor:
        rows = [torch.ones_like(labels, dtype=torch.bool)]
        for of_bin in self.label_of_bin[1:]:  # type: ignore[index,union-attr]
            kept = of_bin[labels] > 0
            others, count = (~kept).nonzero()[:, 0], int(kept.sum())
            if count:
                kept[others[torch.randperm(len(others))[: int(count * self.ratio)]]] = True
            rows.append(kept)
        return torch.stack(rows)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        total = logits.sum() * 0
        pieces = logits.split(self.widths, dim=1)  # type: ignore[no-untyped-call]
        of_bins: Tensor = self.label_of_bin  # type: ignore[assignment]
        for piece, of_bin, kept in zip(pieces, of_bins, self.draw_sample(labels), strict=True):
            loss = F.cross_entropy(piece, of_bin[labels], reduction="none") * kept
            total = total + loss.sum() / max(1.0, float(kept.sum()))
        return total


class LOCE(nn.Module):
    """After LOCE's repository, each RoI a ground truth of its own. logits [N, C + 1]."""

    mean_score: Tensor

    def __init__(self, stats: ClassStats, alpha: float = 0.9, bg_score: float = 0.01) -> None:
        super().__init__()
        self.alpha, self.bg_score = alpha, bg_score
        self.register_buffer("mean_score", torch.full((stats.num_classes + 1,), bg_score))

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        score = logits.detach().softmax(dim=1)[torch.arange(len(labels)), labels].float()
        for label in labels.unique().tolist():  # type: ignore[no-untyped-call]
            observed = score[labels == label]
            keep = self.alpha ** len(observed)
            self.mean_score[label] = keep * self.mean_score[label] + (1 - keep) * observed.mean()
        self.mean_score[-1] = self.bg_score
        return F.cross_entropy(logits + self.mean_score.log().to(logits)[None], labels)


REFERENCE_OF_GROUPS: dict[str, type[nn.Module]] = {"ldam": LDAM, "efl": EFL, "acsl": ACSL, "bags": BAGS, "loce": LOCE}
