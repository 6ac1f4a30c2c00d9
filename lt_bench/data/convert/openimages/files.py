"""Which of the official files are there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lt_bench.data.convert.openimages.releases import RELEASES, SPLITS, Release
from lt_bench.data.image_files import Split
from lt_bench.errors import DataNotFoundError, UserError

GET = "docs/openimages.md says where each file is to be had"
_SUBFOLDERS = ("", "metadata", "annotations")


@dataclass(frozen=True)
class SplitFiles:
    """The tables of one split; masks is None in a release of boxes alone."""

    boxes: Path
    labels: Path
    masks: Path | None

    @property
    def named(self) -> Path:
        """The file that stands for the split."""
        return self.masks or self.boxes

    def all(self) -> list[Path]:
        return [path for path in (self.boxes, self.labels, self.masks) if path is not None]


@dataclass(frozen=True)
class Files:
    """A release, as far as it is there. listed: see Release."""

    release: Release
    splits: Mapping[Split, SplitFiles]
    classes: Path
    hierarchy: Path
    listed: Path | None

    def shared(self) -> list[Path]:
        return [path for path in (self.classes, self.hierarchy, self.listed) if path is not None]


def find(given: Sequence[str]) -> Files:
    """The files of a release. given: the table of boxes or of masks of each split, or a folder that has them, or these
    after train: or val:. The other files are looked for beside them.

    Raises UserError for files of several releases and where several could be meant, DataNotFoundError for what is not
    there.
    """
    release, named = _release_of([file for word in given for file in _named(word)])
    around = [place for path in named.values() for place in _places(path.parent)]
    splits = {}
    for split, path in named.items():
        own = [*_places(path.parent), *around]
        boxes = _one(own, [release.boxes], split, release, path if not release.masks else None)
        splits[split] = SplitFiles(boxes, _one(own, release.labels, split, release), path if release.masks else None)
    classes, hierarchy = (_one(around, names, None, release) for names in (release.classes, release.hierarchy))
    listed = _one(around, [release.listed], None, release) if release.listed else None
    return Files(release, dict(sorted(splits.items())), classes, hierarchy, listed)


def _release_of(files: Sequence[tuple[Split, str, Path]]) -> tuple[Release, dict[Split, Path]]:
    kinds = {kind for _, kind, _ in files}
    if len(kinds) > 1:
        titles = "; ".join(f"{RELEASES[kind].title} ({path})" for _, kind, path in files)
        raise UserError(
            f"files of several releases: {titles}", "name the files of one of them: train:PATH and val:PATH"
        )
    named: dict[Split, Path] = {}
    for split, _, path in files:
        if named.setdefault(split, path) != path:
            raise UserError(f"{named[split]} and {path} are both of the split {split}", "name one of them")
    return RELEASES[kinds.pop()], named


def _named(word: str) -> Iterator[tuple[Split, str, Path]]:
    """Split, key of RELEASES, and path of what a word of the user names."""
    prefix, colon, rest = word.partition(":")
    told: Split | None = "train" if prefix == "train" else "val" if prefix == "val" else None
    path = Path(rest if colon and told else word)
    if not path.exists():
        raise DataNotFoundError(
            f"{path}: no such file or folder", f"name a table of boxes or masks, or a folder. {GET}"
        )
    candidates = list(_files(_folders_of(path))) if path.is_dir() else [path]
    found = [(split, kind, file) for file in candidates for split, kind in _meanings(file) if told in (None, split)]
    if not found:
        names = ", ".join(sorted({_shown(release.stands, "train") for release in RELEASES.values()}))
        raise DataNotFoundError(f"{path}: no table of Open Images: {names}, or those of the validation set", GET)
    yield from found


def _meanings(path: Path) -> Iterator[tuple[Split, str]]:
    for kind, release in RELEASES.items():
        for split in SPLITS:
            if _matches(path, release.stands, split):
                yield split, kind


def _folders_of(folder: Path) -> list[Path]:
    tops = [folder, folder / "annotations"]
    return [*tops, *(top / name for top in tops for name in ("train", "validation"))]


def _places(folder: Path) -> list[Path]:
    return [top / name for top in (folder, folder.resolve().parent) for name in _SUBFOLDERS]


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    seen = set()
    for folder in folders:
        if folder.is_dir() and (resolved := folder.resolve()) not in seen:
            seen.add(resolved)
            yield from sorted(path for path in folder.iterdir() if path.is_file())


def _one(
    places: Sequence[Path], names: Sequence[str], split: Split | None, release: Release, given: Path | None = None
) -> Path:
    """The file of the first name that is there; several of one name are an error, as nothing says which is meant."""
    if given is not None:
        return given
    files = list(_files(places))
    for name in names:
        found = [path for path in files if _matches(path, name, split)]
        if len(found) > 1:
            raise UserError(f"several files can be meant: {', '.join(map(str, found))}", "keep one of them there")
        if found:
            return found[0]
    wanted = " or ".join(_shown(name, split) for name in names)
    looked = ", ".join(dict.fromkeys(str(place) for place in places if place.is_dir()))
    raise DataNotFoundError(f"{release.title}: no {wanted}. Looked in: {looked}", GET)


def _matches(path: Path, name: str, split: Split | None) -> bool:
    pattern = name.replace("{split}", SPLITS[split]) if split else name
    return re.fullmatch(rf"{pattern}\.(?:csv|json|txt)(?:\.gz)?", path.name) is not None


def _shown(name: str, split: Split | None) -> str:
    """A name as people write it."""
    plain = name.replace("{split}", {"train": "train", "val": "validation", None: ""}[split])
    return re.sub(r"\(\?:[^()]*\)\??", "", plain)
