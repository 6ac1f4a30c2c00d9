"""A comparison as JSON and as CSV: AP in [0, 1], unrounded."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from lt_bench.evaluation.comparison.by_class import ByClass, ClassDifference
from lt_bench.evaluation.comparison.comparison import Comparison, Pair, Ranking
from lt_bench.evaluation.comparison.resampled_ap import COMPARED
from lt_bench.evaluation.comparison.runs import LossRuns
from lt_bench.evaluation.comparison.total import COVERED_BY_NONE, COVERS, Difference
from lt_bench.evaluation.comparison.verdict import verdict

FORMAT = 1  # of the JSON; another number where a field is read differently


def as_json(
    comparison: Comparison,
    sources: Mapping[str, Sequence[Mapping[str, str]]],
    classes: Sequence[ByClass] = (),
    notes: Sequence[str] = (),
) -> str:
    """sources: loss -> for each of its runs where record and evidence are and the evidence's digest. A number that is
    not there is null.
    """
    options = comparison.options
    content = {
        "format": FORMAT,
        "kind": options.kind,
        "images": comparison.images,
        "classes": comparison.classes,
        "resamples": options.resamples,
        "random_seed": options.random_seed,
        "confidence": options.confidence,
        "pooled": options.pooled,
        "covers": {**COVERS, "none": COVERED_BY_NONE},
        "notes": list(notes),
        "losses": [_loss(runs, sources.get(runs.name, ())) for runs in comparison.losses],
        "differences": [_difference(pair, one) for pair in comparison.pairs for one in pair.differences.values()],
        "pairs": [_pair(pair, comparison) for pair in comparison.pairs],
        "rankings": {metric: _ranking(ranking) for metric, ranking in comparison.rankings.items()},
        "by_class": [_by_class(one) for one in classes],
    }
    return json.dumps(_plain(content), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def as_csv(comparison: Comparison) -> str:
    """A row for each pair and metric. An empty cell: not there, or not known."""
    by_name = {runs.name: runs for runs in comparison.losses}
    rows = []
    for pair in comparison.pairs:
        for one in pair.differences.values():
            sides: dict[str, float | None] = {}
            for side, name in (("first", pair.first), ("second", pair.second)):
                values = by_name[name].measured(one.metric)
                sides[f"mean_{side}"] = float(values.mean())
                sides[f"sd_{side}"] = float(values.std(ddof=1)) if len(values) > 1 else None
            rows.append({"kind": comparison.options.kind, **_flat(_difference(pair, one)), **sides})
    return _csv(rows)


def classes_as_csv(classes: Sequence[ByClass]) -> str:
    """A row for each pair and class."""
    rows = [{"first": one.first, "second": one.second, **_flat(_class(row))} for one in classes for row in one.classes]
    return _csv(rows)


def _loss(runs: LossRuns, sources: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    metrics = {}
    for metric in COMPARED:
        values = runs.measured(metric)
        deviation = float(values.std(ddof=1)) if len(values) > 1 else None
        metrics[metric] = {"mean": float(values.mean()), "sd": deviation, "values": values.tolist()}
    return {
        "name": runs.name,
        "n": len(runs),
        "seeds": list(runs.seeds),
        "metrics": metrics,
        "runs": [dict(source) for source in sources],
    }


def _difference(pair: Pair, one: Difference) -> dict[str, Any]:
    return {**asdict(one), "p_images_holm": pair.p_images_holm.get(one.metric)}


def _pair(pair: Pair, comparison: Comparison) -> dict[str, Any]:
    return {
        "first": pair.first,
        "second": pair.second,
        "verdict": verdict(pair, comparison),
        "p_t_test_over_classes": pair.p_classes,
        "power": {
            metric: {
                "seeds_needed": one.seeds_needed,
                "resolvable": {str(n): size for n, size in one.resolvable.items()},
            }
            for metric, one in pair.power.items()
        },
    }


def _ranking(ranking: Ranking) -> dict[str, Any]:
    return {
        "ranks": [asdict(one) for one in ranking.ranks],
        "groups": [list(names) for names in ranking.groups],
    }


def _by_class(one: ByClass) -> dict[str, Any]:
    return {
        "first": one.first,
        "second": one.second,
        "excess": None if one.excess is None else asdict(one.excess),
        "classes": [_class(row) for row in one.classes],
    }


def _class(row: ClassDifference) -> dict[str, Any]:
    return {
        **asdict(row.about),
        "validation_images": row.images,
        "AP_first": row.first,
        "AP_second": row.second,
        "value": row.value,
        "images": None if row.interval is None else asdict(row.interval),
        "p": row.p,
    }


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Intervals as two columns."""
    return dict(_columns(row))


def _columns(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        if key in ("images", "seeds", "total"):
            for bound in ("low", "high"):
                yield f"{key}_{bound}", None if value is None else value[bound]
        else:
            yield key, value


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: "" if value is None or value != value else value for key, value in row.items()})
    return text.getvalue()


def _plain(node: Any) -> Any:
    """NaN and infinite numbers as null, numpy's numbers as Python's."""
    if isinstance(node, Mapping):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_plain(value) for value in node]
    if isinstance(node, np.generic):
        node = node.item()
    return None if isinstance(node, float) and not np.isfinite(node) else node
