"""Which of the files that a user names is which split, and where the images are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from lt_bench.data.convert.source import Source
from lt_bench.data.image_files import NAMES, Split, images_near, split_of
from lt_bench.errors import DataNotFoundError, UserError

PREFERRED = ("instances_", "_annotations.coco")  # COCO's and Roboflow's names, before all others in a folder
SUFFIXES = (".json", ".json.gz")
TELL = "say which it is: train:PATH or val:PATH"


def find(given: Sequence[str]) -> dict[Split, Path]:
    """The annotation file of each split. given: files, folders that hold them, or these after train: or val:.

    Raises UserError for a file whose split can't be told, two of one split, and DataNotFoundError for what isn't there.
    """
    found: dict[Split, Path] = {}
    for word in given:
        for split, path in _named(word):
            if split in found:
                raise UserError(f"{found[split]} and {path} are both of the split {split}", "name one of them")
            found[split] = path
    return dict(sorted(found.items()))


def _named(word: str) -> Iterator[tuple[Split, Path]]:
    prefix, colon, rest = word.partition(":")
    told: Split | None = "train" if prefix == "train" else "val" if prefix == "val" else None
    path = Path(rest if colon and told else word)
    if path.suffix in (".yaml", ".yml"):
        raise UserError(f"{path} is in YOLO's form", "add --form yolo")
    if path.is_dir():
        inside = _in_folder(path)
        if told is not None:
            inside = {split: own for split, own in inside.items() if split == told}
        if not inside and (path / "data.yaml").is_file():
            raise UserError(f"{path} is in YOLO's form", "add --form yolo")
        if not inside:
            raise DataNotFoundError(f"{path}: no annotation file of a split was found in it", f"name the file; {TELL}")
        yield from inside.items()
        return
    if not path.is_file():
        raise DataNotFoundError(f"{path}: no such file or folder", "name annotation files (JSON), or their folder")
    split = told if colon and told else _split(path)
    if split is None:
        raise UserError(f"{path}: its name does not tell whether it is the training or the validation set", TELL)
    yield split, path


def _split(path: Path) -> Split | None:
    """From a file's own name, else from that of its folder, as Roboflow has it."""
    folder = path.resolve().parent.name.lower()
    return split_of(path) or next((split for split, names in NAMES.items() if folder in names), None)


def _in_folder(folder: Path) -> dict[Split, Path]:
    places = [folder / "annotations", folder, *(folder / name for names in NAMES.values() for name in names)]
    files = [path for place in places if place.is_dir() for path in sorted(place.iterdir()) if _is_json(path)]
    by_split: dict[Split, list[Path]] = {}
    for path in files:
        if (split := _split(path)) is not None:
            by_split.setdefault(split, []).append(path)
    found: dict[Split, Path] = {}
    for split, paths in by_split.items():
        best = next((own for start in PREFERRED if (own := [p for p in paths if p.name.startswith(start)])), paths)
        if len(best) > 1:
            listed = ", ".join(map(str, best))
            raise UserError(f"{folder}: several files can be the split {split}: {listed}", "name the files themselves")
        found[split] = best[0]
    return found


def _is_json(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")


def image_folder(sources: Sequence[Source]) -> Path | None:
    """The folder above the annotations that holds images in a known layout: below it they are looked for."""
    return images_near(path for source in sources for path in source.files)
