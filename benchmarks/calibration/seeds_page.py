"""docs/calibration_seeds.md, from the numbers of benchmarks.calibration.seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.common.table import table

Data = Mapping[str, Any]
SINGLE_RUNS = "0.2, single runs"  # the noise with which images act mostly on single runs
SEVERAL = ("plain", "holm", "pooled", "holm_found", "pooled_found")


def page(data: Data) -> str:
    """Markdown."""
    parts = [
        "# Seeds, images and both: do the intervals hold?",
        "Made from `docs/calibration_seeds.json` by `python -m benchmarks.calibration.seeds`. "
        f"{data['repetitions']:,} repetitions of each setting, so the 95 % rates below are sure to about "
        f"± {196 * (0.95 * 0.05 / data['repetitions']) ** 0.5:.1f}. The generated metric is a mean over 200 images, so "
        "that the truth is known exactly; how far the bootstrap over images is right for LVIS AP is another question, "
        "with a page of its own (`docs/calibration.md`).",
        "Each run has noise from three sources: its seed, what the images do to its loss whatever the seed, and what "
        "they do to this run alone. The column *seed noise* is the standard deviation of the first over that of the "
        f"other two together. These are alike, but in *{SINGLE_RUNS}*, where 99 % of their variance is what images do "
        "to this run alone. Runs with the same seed have half of the seed's variance in common.",
        "## How often a 95 % interval holds the true difference, in percent",
        "*total*: seeds and images together, the interval that decides. *seeds on these images*: the interval of the "
        "seeds, for the question that it answers. The other three answer a smaller question, or the right one wrongly, "
        "and are held against the true difference to show by how much: *seeds*, *images*, and the plain *bootstrap* "
        "over runs and images drawn with replacement. *width*: median width of the total interval, over that of an "
        "interval for which all variances are known.",
        _coverage(data),
        _verdict(data),
        "## One loss against itself",
        "Two disjoint sets of n seeds of one loss. In percent: how often they are called different at 5 %.",
        table(
            ("n", "seed noise", "total", "seeds", "images"),
            [
                (row["n"], row["noise"], *(_percent(row[name]) for name in ("total", "seeds", "images")))
                for row in data["one_loss"]
            ],
            "r",
        ),
        f"The total interval does so in at most {max(row['total'] for row in data['one_loss']):.1f} %; 5 % is sure to "
        f"± {196 * (0.95 * 0.05 / data['repetitions']) ** 0.5:.1f}.",
        "## Seven equal losses",
        f"With the same seeds, in percent of {data['repetitions_several']:,} repetitions: how often any of the 21 "
        "pairs is called different. *one variance*: Holm's correction, and the variance between seeds estimated from "
        "all seven losses (`pooled=True`), which do scatter alike here. *found*: with unequal losses, two standard "
        "errors from one to the next, the share of the 21 pairs that is told apart. With so few repetitions, 5 % is "
        f"sure to ± {196 * (0.95 * 0.05 / data['repetitions_several']) ** 0.5:.1f} only.",
        table(
            ("n", "seed noise", "without correction", "Holm", "one variance", "Holm found", "one variance found"),
            [(row["n"], row["noise"], *(_percent(row[name]) for name in SEVERAL)) for row in data["several"]],
            "r",
        ),
        "Seeds need not move all losses alike. Where one of the seven equal losses scatters more than the others, with "
        f"three seeds, in percent of {data['repetitions_uneven']:,} repetitions:",
        table(
            ("one loss scatters", "seed noise", "Holm", "one variance"),
            [
                (f"{row['last']:g} x", row["noise"], _percent(row["holm"]), _percent(row["pooled"]))
                for row in data["uneven"]
            ],
            "r",
        ),
        _unevenness(data),
        "## Power",
        "The difference that n seeds resolve (80 % power at 5 %), in standard deviations of the images' part of one "
        "run, and how often it was found, in percent.",
        table(
            ("n", "runs", "seed noise", "resolved", "promised", "found"),
            [
                (
                    row["n"],
                    _runs(row),
                    row["noise"],
                    f"{row['resolvable']:.2f}",
                    _percent(row["promised"]),
                    _percent(row["simulated"]),
                )
                for row in data["power"]
            ],
            "rlr",
        ),
        f"In *{SINGLE_RUNS}* it is found in {_least_found(data):.1f} % and more: the interval allows for more "
        "there than power is reckoned with.",
        "The fewest seeds that show a difference, which is in standard deviations between runs (between differences of "
        "pairs). Noise from seeds only; tested with scipy's t-tests, which know nothing of lt_bench, and sure to "
        f"± {196 * (0.8 * 0.2 / data['repetitions'] / 5) ** 0.5:.1f}.",
        table(
            ("difference", "runs", "seeds needed", "power with them", "with one seed less"),
            [
                (row["size"], _runs(row), row["needed"], _percent(row["with"]), _percent(row["one_less"]))
                for row in data["needed"]
            ],
            "rlr",
        ),
        "## The probability of being the best",
        "Two losses whose true difference is anything, all values alike probable; seed noise 1. Of the cases in which "
        "one loss is said to be the better one with this probability, in percent: what was said, and how often it was. "
        "It says less than is true: what images do to single runs counts twice in it.",
        table(
            ("n", "probability", "cases", "said", "true"),
            [
                (row["n"], f"{row['low']} to {row['high']}", row["cases"], _percent(row["said"]), _percent(row["true"]))
                for row in data["best"]
            ],
            "r",
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _coverage(data: Data) -> str:
    names = ("total", "seeds_here", "seeds", "images", "both_drawn")
    rows = [
        (_sizes(row), _runs(row), row["noise"], *(_percent(row[name]) for name in names), f"{row['width']:.2f}")
        for row in data["coverage"]
    ]
    heads = ("n", "runs", "seed noise", "total", "seeds on these images", "seeds", "images", "bootstrap", "width")
    return table(heads, rows, "llr")


def _verdict(data: Data) -> str:
    """What the table says about the total, in a sentence."""
    alike = [row for row in data["coverage"] if row["noise"] != SINGLE_RUNS]
    few = [row["total"] for row in alike if row["first"] == 2]
    more = [row["total"] for row in alike if row["first"] > 2]
    single = [row["total"] for row in data["coverage"] if row["noise"] == SINGLE_RUNS]
    return (
        f"The total interval covers {min(more):.1f} to {max(more):.1f} % with three and more seeds a loss, and "
        f"{min(few):.1f} to {max(few):.1f} % where a loss has two; where images act mostly on single runs, "
        f"{min(single):.1f} to {max(single):.1f} %. Above 95 % it is wider than it had to be: two or three runs hardly "
        "tell the variance between seeds, and the interval allows for that also where seeds matter little. What images "
        "do to single runs is in the variance between seeds already; but a few runs may be alike by chance, so the "
        "interval is never narrower than that of the images alone. With unequal numbers of seeds it is conservative on "
        "purpose (see `scatter` in `lt_bench/evaluation/comparison/seeds.py`)."
    )


def _least_found(data: Data) -> float:
    return min(float(row["simulated"]) for row in data["power"] if row["noise"] == SINGLE_RUNS)


def _unevenness(data: Data) -> str:
    """How often one variance goes wrong, in a sentence."""
    called: dict[float, list[float]] = {}
    for row in data["uneven"]:
        called.setdefault(row["last"], []).append(row["pooled"])
    said = [
        f"{min(rates):.1f} to {max(rates):.1f} % where {_scatters(times)}" for times, rates in sorted(called.items())
    ]
    return f"With one variance, some pair is called different in {', '.join(said[:-1])}, and {said[-1]}."


def _scatters(times: float) -> str:
    return "all scatter alike" if times == 1 else f"one loss scatters {times:g} times as much"


def _sizes(row: Data) -> str:
    return str(row["first"]) if row["first"] == row["second"] else f"{row['first']} and {row['second']}"


def _runs(row: Data) -> str:
    return "paired" if row["paired"] else "unpaired"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
