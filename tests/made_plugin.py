"""Throw-away distributions that bring a loss."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

_LOSS = """
import os
import sys
import time

import torch
from lt_bench import LongTailLoss


class Mine(LongTailLoss):
    calls = 0

    @property
    def num_logits(self):
        return self.num_classes + 1

    def forward(self, logits, labels):
        self.calls += 1
        loss = torch.nn.functional.cross_entropy(logits, labels)
{forward}
        return loss

    def scores(self, logits):
        return logits.softmax(dim=1)
"""


def make_plugin(folder: Path, forward: str = "", at_import: str = "", name: str = "mine") -> Path:
    """A loss in the module `name`, below a folder for PYTHONPATH, which is returned. forward: statements that may look
    at `self.calls` (1 at the first) and change `loss`. at_import: what the module does first.
    """
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    source = dedent(at_import) + _LOSS.format(forward=indent(dedent(forward), " " * 8))
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[lt_bench.losses]\n{name} = {name}:Mine\n", encoding="utf-8")
    return folder
