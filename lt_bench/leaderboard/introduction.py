"""What stands before the tables of a page."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from lt_bench.data.known import KNOWN
from lt_bench.evaluation.terms import KINDS, PLURALS, BoxOrMask
from lt_bench.leaderboard.markdown import escape
from lt_bench.leaderboard.standing import RESAMPLES
from lt_bench.leaderboard.tables import Table

DEFAULT: BoxOrMask = "segm"  # of a page without tables
FULL_SIZE = {name: known.full_size for name, known in KNOWN.items() if known.full_size}
GLYPHS_PER_IMAGE = {"glyphs": "six", "glyphs-lt": "five"}  # of the validation set, where 100 detections are kept
GENERAL = (
    "Every row is a loss that was trained and evaluated here, by one program. Within a table everything but the "
    "loss and the seed is the same, and the fingerprint, a hash of the resolved configuration, says so. Between "
    "tables nothing is comparable.",
    "AP is LVIS AP in percent, as lvis-api defines it, at 300 detections per image; the records in `results/` "
    'hold it unrounded. APr, APc, APf, AP50 and AP75 are of {whose}. A "-" stands where the data has no ground '
    "truth to measure, or no ce to compare with.",
)
HOW_TO_READ = (
    "How to read a table:\n\n"
    "- **seeds**: the number n of runs, which differ in the seed alone. **±** is the sample standard deviation over "
    "them: how much one run varies, not how sure the mean is. A single run has none, since what another seed would "
    "have given is unknown.\n"
    "- **rank**: the places by {main} that a loss can hold, with 95 % confidence for all losses at once: from 1 + the "
    "number of losses that are significantly better, to the number of losses that are not significantly worse. With "
    "1-3 it may be the best, or only the third. Losses whose difference is not significant share a rank. Significant "
    "is a p of at most 5 % after Holm's correction for all pairs of the table, with seeds and images both taken as "
    "chance. No difference from a loss with n = 1, or one without evidence, is significant.\n"
    "- **Δ vs ce (95 %)**: mean {main} minus that of ce, in points, and the 95 % interval of the difference. It is "
    "for other seeds of the same losses and other validation images of the same kind, at once; not for other data, "
    "detectors, schedules or hyper-parameters. It is not corrected for the number of losses, so it may leave out 0 "
    'where a rank is shared. "Seeds only": evidence is missing, and the interval is for these very images, so it '
    "is too narrow for others. With n = 1 there is no interval.\n"
    "- What the intervals rest on: the variance between seeds is estimated once from all losses of the table, because "
    "a few seeds of two losses hardly show it. That is right as far as seeds move all losses alike: of simulated "
    "tables of seven equal losses with three seeds, 0 to 2 % called some pair different, 0 to 4 % where one loss "
    "scattered twice as much as the others, and 1 to 9 % at three times that, depending on how much seeds matter "
    "beside images. The images' part comes from {resamples:,} resamples, drawn alike on every "
    "machine. They fix the width of an interval to about 2 %; hence no more than one decimal.\n"
    "- **evidence**: verified, where the metrics follow from the evidence file beside the record; unverified, where "
    "there is none that they follow from: such a row says what its record says.\n"
    "- **training**: mean wall time, h:mm:ss, also of a machine that was busy with other things. **memory**: highest "
    "peak."
)
HEADED_DECOUPLED = (
    'In the tables that are headed "decoupled" the classifier alone was trained, in all others the whole detector.'
)


def is_toy(dataset: str) -> bool:
    """Whether the data set is one that the package draws itself, for trials."""
    return dataset.startswith("glyphs")


def introduction(dataset: str, made: Sequence[Table]) -> list[str]:
    """What the page of a data set is and is not, and how its tables are read."""
    kinds = {table.kind for table in made} or {DEFAULT}
    parts = [*_general(kinds), *([how_to_read(kinds)] if made else ())]
    if len({table.decoupled for table in made}) > 1:
        parts.append(HEADED_DECOUPLED)
    if is_toy(dataset):
        right = GLYPHS_PER_IMAGE.get(dataset)
        kept = f"(On `{dataset}` a detector keeps 100 detections per image, of which about {right} can be right.) "
        parts.append(
            "**What this page is:** small runs on synthetic data that the package makes itself: rendered glyphs with "
            "a long tail. They show that the whole path works, from data to table, and how the losses behave on a "
            f"toy long tail. {kept if right else ''}"
            "**What it is not:** a ranking of the losses on LVIS, where nothing on this page was measured. How far "
            "orders on such data agree with published ones on LVIS was measured apart and is in docs/study.md."
        )
    if dataset in KNOWN and KNOWN[dataset].protocol:
        parts.append(f"**The data set:** {KNOWN[dataset].protocol}")
    if dataset in FULL_SIZE:
        classes, images = FULL_SIZE[dataset]
        for table in made:
            data = table.records[0].data
            if (data.classes, data.val_images) != (classes, images):
                parts.append(
                    f"**Not {escape(dataset)} in full:** fingerprint `{table.records[0].fingerprint[:12]}` was "
                    f"measured on {data.classes:,} categories and {data.val_images:,} validation images; the data "
                    f"set has {classes:,} and {images:,}. It is not comparable with anybody's {escape(dataset)} "
                    "numbers."
                )
    return parts


def how_to_read(kinds: Collection[BoxOrMask]) -> str:
    """kinds: what the main AP of a page's tables is of."""
    both = "main AP (mask AP, or box AP where a table has no masks)"
    return HOW_TO_READ.format(main=both if len(kinds) > 1 else f"{KINDS[min(kinds)]} AP", resamples=RESAMPLES)


def _general(kinds: Collection[BoxOrMask]) -> Iterator[str]:
    whose = "masks where a table has mask AP, else of boxes" if len(kinds) > 1 else PLURALS[min(kinds)]
    yield from (part.format(whose=whose) for part in GENERAL)
