"""What a conversion changed and assumed, in words."""

from __future__ import annotations

from collections.abc import Iterator

from lt_bench.data.convert import writing
from lt_bench.data.convert.counting import Counted
from lt_bench.data.convert.options import Options
from lt_bench.data.convert.source import Source


def described(source: Source, counted: Counted, options: Options, changes: writing.Changes) -> Iterator[str]:
    """One line for each thing that was changed in a split, and for each that was assumed; first what the split is."""
    images, annotations = len(counted.image_ids), counted.annotations
    yield f"{source.name}: {images:,} images, {annotations:,} annotations"
    yield from source.assumed
    if source.exhaustive:
        taken = "negatives: annotations taken for exhaustive: every class that an image does not show is"
        absent = writing.absent(counted)
        entries = f"{absent:,} entries in neg_category_ids"
        if not absent:
            yield "negatives: every image shows every class, so that none is absent"
        elif writing.lists_absent(counted):
            yield f"{taken} listed as absent ({entries})"
        else:
            yield (
                f'{taken} absent. Instead of {entries}, the file says it once ("exhaustive": true), which lt_bench '
                "reads; lvis-api does not, and refuses the file"
            )
    else:
        yield "negatives: the image's own neg_category_ids were kept"
    if counted.crowds:
        yield f"crowds: regions with several objects (iscrowd): {counted.crowds:,}, {_CROWDS[options.crowds]}"
    found = {"masks": changes[writing.MASK_AREAS], "boxes": changes[writing.BOX_AREAS]}
    if any(found.values()):
        of = " and ".join(f"{count:,} from {what}" for what, count in found.items() if count)
        total = sum(found.values())
        yield f"area: missing or not positive in {total:,} of {annotations:,} annotations, computed ({of})"
    if bad := changes[writing.NO_AREA]:
        yield f"area: {bad:,} annotations have neither a mask nor a box to compute it from; see `data check`"
    if parts := changes[writing.EMPTY_PARTS]:
        yield f"masks: empty polygons beside others were left out of {parts:,} annotations"
    if missing := changes[writing.NO_MASK]:
        made = changes[writing.BOX_MASKS]
        lacking = f"masks: {missing:,} of {annotations:,} annotations have none"
        if missing == changes[writing.WRITTEN]:
            lacking = f"masks: no annotation has one ({missing:,} annotations)"
        yield f"{lacking}; {made:,} polygons were made of boxes, so mask AP says nothing of them" if made else lacking


_CROWDS = {
    "ignore": "ignored (ignore: 1): not trained on, not counted; a detection that matches one is no mistake",
    "drop": "left out; where one was, its class is in not_exhaustive_category_ids",
    "objects": "turned into objects like any other (iscrowd: 0)",
}
