"""The tracks that committed records give: losses in one setting, with their seeds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.study.grid import Cell
from lt_bench.errors import UserError
from lt_bench.evaluation.comparison.intervals import doubts
from lt_bench.evaluation.comparison.runs import LossRuns
from lt_bench.evaluation.comparison.widened_metrics import cached_images
from lt_bench.evaluation.terms import BoxOrMask
from lt_bench.leaderboard.comparison.settings import title
from lt_bench.leaderboard.dumped_config import read_config
from lt_bench.leaderboard.files import beside
from lt_bench.leaderboard.rows import OWN, Row, Run, in_tables
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.standing import loss_runs
from lt_bench.leaderboard.store import read_all
from lt_bench.leaderboard.verified import verified_run

BASELINE = "ce"
MASKS = "--masks"  # of `probe`, which changes nothing of the training


@dataclass(frozen=True, eq=False)
class Track:
    """Losses that differ in nothing else. rows: one for each loss, by its name."""

    rows: dict[str, Row]
    _made: dict[tuple[str, BoxOrMask], LossRuns] = field(default_factory=dict)

    @property
    def first(self) -> ResultRecord:
        return next(iter(self.rows.values())).records[0]

    @property
    def records(self) -> list[ResultRecord]:
        return [record for row in self.rows.values() for record in row.records]

    @property
    def dataset(self) -> str:
        return self.first.track.dataset

    @property
    def recipe(self) -> str:
        return self.first.track.recipe

    @property
    def features(self) -> str | None:
        return self.first.track.features

    @property
    def title(self) -> str:
        return f"{self.dataset}: {title(self.first.track)}{', with masks' if self.has_masks_of_its_own else ''}"

    @property
    def name(self) -> str:
        """Short, for a table's cell; of features without the digest of their checkpoint."""
        masks = " with masks" if self.has_masks_of_its_own else ""
        of = None if self.features is None else self.features.rpartition("_")[0] or self.features
        return f"{self.dataset} {self.recipe}, {'full' if of is None else f'decoupled{masks} ({of})'}"

    @property
    def kinds(self) -> tuple[BoxOrMask, ...]:
        return self.first.kinds

    @property
    def has_masks_of_its_own(self) -> bool:
        """Whether it is of classifiers alone whose boxes were given masks: a table beside that of boxes alone."""
        return self.features is not None and "segm" in self.kinds

    @property
    def truth(self) -> str | None:
        """A digest of the images and objects that it was measured on; None without evidence."""
        return next((run.truth for row in self.rows.values() for run in row.runs if run.truth is not None), None)

    def repeats_images(self) -> bool | None:
        """Whether repeat factors show any image more than once; None where no config of a classifier alone says it."""
        for evidence in (run.evidence for row in self.rows.values() for run in row.runs):
            if evidence is not None:
                with suppress(UserError, KeyError, TypeError, ValueError):
                    config = read_config(beside(evidence).config)
                    threshold, loss = config["probe"]["sampler"]["repeat_factor"], config["loss"]
                    rarest = min(count for count in loss["image_count"] if count) / loss["num_images"]
                    return threshold is not None and rarest < threshold
        return None

    def seeds(self) -> str:
        """How many each loss has: "10", or "1-3"."""
        counts = sorted(len(row.runs) for row in self.rows.values())
        return str(counts[0]) if counts[0] == counts[-1] else f"{counts[0]}-{counts[-1]}"

    def runs(self, kind: BoxOrMask = "bbox", losses: Iterable[str] | None = None) -> list[LossRuns]:
        """As the statistics take them, in the order of the names."""
        names = sorted(self.rows if losses is None else losses)
        for name in names:
            if (name, kind) not in self._made:  # reading them takes longer than all that is computed of them
                self._made[name, kind] = loss_runs(name, self.rows[name], kind)
        return [self._made[name, kind] for name in names]

    def doubts(self) -> dict[str, str]:
        """Metric -> why no interval of it can be trusted."""
        for row in self.rows.values():
            if row.runs[0].evidence is not None:
                return doubts(*cached_images(row.runs[0].evidence))
        return {}


def with_seeds(runs: LossRuns, seeds: Iterable[int]) -> LossRuns:
    """Those runs of a loss that have one of these seeds."""
    places = [place for place, seed in enumerate(runs.seeds) if seed in set(seeds)]
    resampled = None if runs.resampled is None else runs.resampled[places]
    return LossRuns(runs.name, tuple(runs.seeds[place] for place in places), runs.values[places], resampled)


def tracks(results: Path) -> tuple[list[Track], list[str]]:
    """Of the built-in losses, and what was left out.

    A classifier alone counts in the recipes as they are; in full, a detector may have been trained for fewer steps. Of
    several tables of one track (other fingerprints, say) the one with the most losses and runs is taken.
    """
    found, problems = _runs(results)
    kept = [run for run in found if run.record.track.features is None or set(run.record.overrides) <= {MASKS}]
    if changed := len(found) - len(kept):
        problems.append(f"{changed} runs of a classifier alone in which the recipe was changed by hand")
    tables, left_out = in_tables(kept)
    made = [Track(_by_name(table)) for table in tables]
    best: dict[tuple[str | None, ...], Track] = {}
    for one in sorted(made, key=lambda track: (-len(track.rows), -len(track.records))):
        track = one.first.track
        place = (track.dataset, track.detector, track.backbone, track.schedule, track.recipe, track.features)
        key = (*place, one.kinds[-1])
        if best.setdefault(key, one) is not one:
            problems.append(f"{one.title}: {len(one.records)} runs with fingerprint {one.first.fingerprint[:12]}")
    order = sorted(best, key=lambda key: tuple(part or "" for part in key))
    return [best[key] for key in order], [*problems, *left_out]


def best_runs(folder: Path) -> list[Run]:
    """Runs in cells of the grid that are not the recipe's, with evidence."""
    return _runs(folder)[0]


def cell_of(record: ResultRecord, recipe: Cell) -> Cell:
    """The cell that a classifier was trained in. recipe: the recipe's own."""
    said = " ".join(record.overrides)

    def given(name: str, otherwise: float) -> float:
        found = re.search(rf"--{name} (\S+)", said)
        return float(found[1]) if found else otherwise

    return Cell(given("rate", recipe.rate), int(given("steps", recipe.steps)), given("clip", recipe.clip))


def _runs(folder: Path) -> tuple[list[Run], list[str]]:
    found, problems = read_all(folder)
    own = [(path, record) for path, record in found if record.loss.distribution == OWN]
    return [verified_run(path, record) for path, record in own], problems


def _by_name(rows: Sequence[Row]) -> dict[str, Row]:
    """A row for each loss: of several with other hyper-parameters, the one with the most runs."""
    chosen: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: -len(row.runs)):
        chosen.setdefault(row.records[0].method, row)
    return {name: chosen[name] for name in sorted(chosen)}
