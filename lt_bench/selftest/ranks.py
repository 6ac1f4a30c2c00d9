"""Two processes that share a batch end with the same weights: over NCCL where there are two GPUs, else over gloo."""

from __future__ import annotations

import torch

from lt_bench.selftest.command import FEW_IMAGES, lt_bench
from lt_bench.selftest.result import Check, CheckContext, Outcome
from lt_bench.testing.result import Wrong

HOOKS = ("FiniteLossHook", "RunMeterHook", "AverageBatchNormHook")


def two_ranks(context: CheckContext) -> Outcome:
    """A run of seesaw, whose counts are summed over the ranks: weights, buffers and counts are equal on both."""
    nccl = context.cuda and torch.cuda.device_count() > 1
    hooks = [*({"type": name} for name in HOOKS), {"type": "StateDump", "folder": str(context.folder)}]
    lt_bench(
        context,
        *("run", "--loss", "seesaw", "--dataset", "glyphs", "--gpus", "2", "--max-iters", "2", "--work-dir", "ranks"),
        *("--set", "custom_imports.imports=['lt_bench.detector', 'lt_bench.selftest.state_dump']"),
        *("--set", f"custom_hooks={hooks!r}"),
        *FEW_IMAGES,
        # Processes without a GPU in sight form a gloo group.
        environment={} if nccl else {"CUDA_VISIBLE_DEVICES": ""},
    )
    states = [torch.load(context.folder / f"rank{rank}.pth", map_location="cpu") for rank in (0, 1)]
    if states[0].keys() != states[1].keys():
        raise Wrong("the two ranks have different models")
    differing = [name for name, value in states[0].items() if not torch.equal(value, states[1][name])]
    if differing:
        raise Wrong(f"{len(differing)} of {len(states[0])} tensors differ between the ranks, {differing[0]} among them")
    backend = "NCCL, two GPUs" if nccl else "gloo, on the CPU" + (": there is one GPU" if context.cuda else "")
    return Outcome(f"{backend}: {len(states[0])} tensors are equal after 2 iterations", {"backend": backend[:4]})


CHECKS = (Check("ranks", "two ranks", two_ranks),)
