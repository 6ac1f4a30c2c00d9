"""The forms in which detections are written: a JSON list, JSON lines, by image, and what torchmetrics keeps.

By image: {"image_id", "boxes": [[x1, y1, x2, y2], ...], "scores", "labels", "masks"}, as torchvision's detectors give
it and torchmetrics takes it, in a list, in lines, or in an object with the image ids as keys; boxes are corners.
torchmetrics' state (MeanAveragePrecision, since 1.0): {"detection_box": [[[x, y, width, height], ...], ...],
"detection_scores", "detection_labels", "detection_mask": [[[[height, width], counts], ...], ...]}, an entry per image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lt_bench.data.json_stream import JSONStream

STATE = "detection_"
_OF_TRUTH = "groundtruth_"
_ROW = {"image_id", "category_id", "score", "bbox", "segmentation", "boxes", "scores", "labels"}
_WRAPPERS = {"info", "licenses", "images", "annotations", "categories", "predictions", "results", "detections"}


class Place(int):
    """The place of an image in predictions that do not say which image it is."""


def is_digits(text: str) -> bool:
    """Whether a text is an integer, of no more than 64 bits."""
    return text.isascii() and text.isdigit() and len(text) <= 18


def detections_in(stream: JSONStream) -> Iterator[dict[str, Any]]:
    """The detections, one after the other, as they stand there; those by image are taken apart.

    Raises ValueError or RecursionError for what is none of the forms.
    """
    for place, value in enumerate(_values(stream)):
        if isinstance(value, _State):
            yield from _of_state(value)
        elif not isinstance(value, dict):
            raise ValueError(f"element {place} is a {type(value).__name__}, not a detection")
        elif "boxes" in value or "masks" in value:
            yield from _of_image(value, place)
        else:
            yield value


class _State(dict[str, Any]):
    """torchmetrics' state."""


def _values(stream: JSONStream) -> Iterator[Any]:
    if stream.peek() != "{":
        yield from (piece.value for piece in stream.elements())
        stream.end()
        return
    first: dict[str, Any] = {}
    by_image = False
    for key in stream.members():
        if key in _WRAPPERS:
            raise ValueError(
                f"it is one JSON object with {key!r} in it, like an annotation file; give the list of detections alone"
            )
        if is_digits(key) and stream.peek() == "{":
            by_image = True
            yield stream.value().value | {"image_id": int(key)}
        elif key.startswith((STATE, _OF_TRUTH)) and stream.peek() == "[":
            first[key] = [None if key.startswith(_OF_TRUTH) else piece.value for piece in stream.elements()]
        else:
            first[key] = stream.value().value
    if any(key.startswith(STATE) for key in first):
        yield _State(first)
    elif not by_image and _ROW.isdisjoint(first):
        held = ", ".join(map(repr, list(first)[:5]))[:200]
        raise ValueError(f"it is a JSON object with {held or 'nothing'} in it, not a detection")
    elif not by_image:
        yield first
        while stream.peek():
            yield stream.value().value
    stream.end()


def _of_state(state: _State) -> Iterator[dict[str, Any]]:
    """torchmetrics keeps x, y, width and height, whatever corners it was given."""
    columns = {
        name: state[f"{STATE}{key}"]
        for name, key in (("bbox", "box"), ("segmentation", "mask"), ("score", "scores"), ("category_id", "labels"))
        if state.get(f"{STATE}{key}")
    }
    counts = _lengths(columns, "torchmetrics' state")
    for place in range(max(counts, default=0)):
        lists = {name: column[place] for name, column in columns.items()}
        _lengths(lists, f"image {place} of torchmetrics' state")
        if "segmentation" in lists:
            lists["segmentation"] = [_rle(mask) for mask in lists["segmentation"]]
        yield from _rows(lists, {"image_id": Place(place)})


def _of_image(entry: Mapping[str, Any], place: int) -> Iterator[dict[str, Any]]:
    lists = {
        name: entry[key]
        for name, key in (("bbox", "boxes"), ("segmentation", "masks"), ("score", "scores"), ("category_id", "labels"))
        if entry.get(key) is not None
    }
    _lengths(lists, f"element {place}")
    if "bbox" in lists:
        lists["bbox"] = [_sides(box) for box in lists["bbox"]]
    known = {"image_id": Place(place)} | {key: entry[key] for key in ("image_id", "file_name") if key in entry}
    yield from _rows(lists, known)


def _lengths(lists: Mapping[str, Any], where: str) -> set[int]:
    """How many each has. Raises ValueError for what is no list, and where they are not as many."""
    other = next((name for name, values in lists.items() if not isinstance(values, list)), None)
    if other is not None:
        raise ValueError(f"{where}: what gives {other} is no list")
    found = {len(values) for values in lists.values()}
    if len(found) > 1:
        counts = ", ".join(f"{len(values)} of {name}" for name, values in lists.items())
        raise ValueError(f"{where} has {counts}; they must be as many")
    return found


def _rows(lists: Mapping[str, list[Any]], known: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for values in zip(*lists.values(), strict=True):
        yield {**known, **dict(zip(lists, values, strict=True))}


def _rle(mask: Any) -> Any:
    """The object for a pair of size and counts. What is none stays as it is, to be named when it is checked."""
    return {"size": mask[0], "counts": mask[1]} if isinstance(mask, list) and len(mask) == 2 else mask


def _sides(box: Any) -> Any:
    """x, y, width, height of corners. What is no box stays as it is."""
    if not (isinstance(box, list) and len(box) == 4 and all(type(value) in (int, float) for value in box)):
        return box
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]]
