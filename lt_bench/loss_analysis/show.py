"""`losses show`: from names to profiles, and from profiles to files."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.registry import build_loss, get_info, list_losses
from lt_bench.errors import UserError
from lt_bench.loss_analysis.profile import LossProfile, measure
from lt_bench.utils.files import unwritable
from lt_bench.utils.terminal import progress

logger = logging.getLogger(__name__)


def choose(names: Sequence[str], every: bool) -> list[str]:
    """The losses that are meant, each once. Raises PluginError for an unknown or a broken one that is named."""
    if bool(names) == every:
        raise UserError("which losses?", "give their names, or --all")
    for name in names:
        get_info(name)
    return [info.name for info in list_losses()] if every else list(dict.fromkeys(names))


def statistics(annotations: Path | None) -> tuple[ClassStats, str]:
    """The class statistics of an LVIS annotation file, or synthetic ones, and words that say which these are.

    Raises UserError when the file can't be read or is no LVIS JSON. Its warnings are logged.
    """
    if annotations is None:
        from lt_bench.api.synthetic_stats import lvis_like

        stats = lvis_like()
        return stats, f"Synthetic statistics in the manner of LVIS v1, {stats.num_classes:,} classes"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            stats = ClassStats.from_lvis(annotations)
        except OSError as error:
            raise UserError(f"--annotations {annotations}: {error.strerror}", "name an LVIS annotation file") from error
        except ValueError as error:
            raise UserError(
                f"--annotations {error}", "name an LVIS annotation file, that of the training set"
            ) from error
    for warning in caught:
        logger.warning(f"{annotations}: {warning.message}")
    return stats, f"Statistics of {annotations.name}, {stats.num_classes:,} classes"


def measure_all(names: Sequence[str], stats: ClassStats, calls: int) -> tuple[list[LossProfile], list[str]]:
    """The profiles of the losses that can be measured, and for each other one what went wrong."""
    profiles, problems = [], []
    for name in names:
        try:
            with progress(f"measuring {name}") as report:
                profiles.append(measure(name, partial(build_loss, name, stats), calls, report=report))
        except Exception as error:  # a plugin may fail in any way, and the other losses can be shown all the same
            problems.append(f"{name}: {type(error).__name__}: {error}")
    return profiles, problems


def write(profiles: Sequence[LossProfile], stats: ClassStats, about: str, stem: Path) -> list[Path]:
    """stem.png, stem.svg and stem.csv. Raises UserError if they can't be written."""
    from lt_bench.loss_analysis.figure import draw, save
    from lt_bench.loss_analysis.table import write_csv

    numbers = stem.with_name(f"{stem.name}.csv")
    try:
        write_csv(profiles, stats, numbers)
        return [*save(draw(profiles, stats, about), stem), numbers]
    except OSError as error:
        raise unwritable(stem.parent, error) from error
