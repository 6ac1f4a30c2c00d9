"""Makes a glyph data set on disk, in LVIS v1's layout, and keeps it in a cache."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lt_bench.data.cache import cache_folder
from lt_bench.data.glyphs.font import Glyph, choose
from lt_bench.data.glyphs.lvis_form import (
    Mask,
    dumped,
    file_name,
    lvis_annotations,
    lvis_categories,
    lvis_document,
    lvis_mask,
)
from lt_bench.data.glyphs.plan import TRAIN, VAL, ImagePlan, plan
from lt_bench.data.glyphs.presets import PRESETS, Preset
from lt_bench.data.glyphs.render import render
from lt_bench.errors import UserError, did_you_mean
from lt_bench.utils.locks import locked

GENERATOR_VERSION = 1  # part of the cache's folder name: raise it whenever the bytes change
SPLITS = (("train", TRAIN), ("val", VAL))
IMAGES_PER_WORKER = 1000  # fewer are painted sooner than another process starts
MANIFEST = "manifest.json"

Progress = Callable[[int, int], None]


def make(preset: str, cache: Path | None = None, progress: Progress | None = None) -> Path:
    """The root folder of the data set `preset`, made if it is not in the cache or was damaged there.

    The folder holds annotations/lvis_v1_{train,val}.json and {train,val}2017/*.bmp. The cache is that of
    `cache_folder` unless given. `progress` is called with the number of images made and the number of all.
    Raises UserError for an unknown preset and for a cache that cannot be written.
    """
    if preset not in PRESETS:
        raise UserError(f"Unknown preset {preset!r} of the embedded data set.", did_you_mean(preset, PRESETS))
    return make_preset(PRESETS[preset], cache or cache_folder(), progress=progress)


def make_preset(preset: Preset, cache: Path, workers: int | None = None, progress: Progress | None = None) -> Path:
    """`make` for a preset of one's own; the number of worker processes does not change a byte."""
    root = cache / name_of(preset)
    if is_intact(root):
        return root  # also in a cache that can't be written
    try:
        with locked(cache / f".{root.name}.lock"):
            if not is_intact(root):
                # made beside its place and renamed into it: nobody ever sees half a data set
                with tempfile.TemporaryDirectory(prefix=f".{root.name}-", dir=cache) as scratch:
                    made = Path(scratch) / root.name
                    build(preset, made, workers, progress)
                    if root.exists():
                        root.rename(Path(scratch) / "damaged")
                    made.rename(root)
    except OSError as error:
        raise UserError(
            f"The data set {preset.name} cannot be made in {cache}: {error}.",
            "Set LT_BENCH_CACHE to a folder that can be written and has room.",
        ) from error
    return root


def name_of(preset: Preset) -> str:
    """The name of the data set's folder in a cache: another one for other bytes."""
    return f"{preset.name}-v{GENERATOR_VERSION}-seed{preset.seed}"


def digest(root: Path) -> str:
    """SHA-256, in hex, over the data set's files: relative path, size and bytes of each, sorted by path."""
    total = hashlib.sha256()
    for path in sorted(item.relative_to(root).as_posix() for item in root.glob("*/*")):
        content = (root / path).read_bytes()
        total.update(f"{path}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def is_intact(root: Path) -> bool:
    """Whether the folder holds a whole data set whose every byte is as it was made."""
    try:
        manifest = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
        return bool(manifest["digest"] == digest(root))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def build(preset: Preset, root: Path, workers: int | None = None, progress: Progress | None = None) -> None:
    """Makes the data set in the new folder `root`; its manifest is written last."""
    glyphs = classes(preset)
    plans = [(name, split, plan(preset, split)) for name, split in SPLITS]
    total = preset.num_train + preset.num_val
    if workers is None:
        workers = min(_cores(), total // IMAGES_PER_WORKER)
    first_id = 1
    categories: list[dict[str, Any]] = []
    digests: dict[str, str] = {}
    (root / "annotations").mkdir(parents=True)
    with _mapper(workers) as run:
        for name, split, images in plans:
            folder = f"{name}2017"
            (root / folder).mkdir()
            ids = range(first_id, first_id + len(images))
            found = []
            for masks in run(partial(_make_image, preset, glyphs, root / folder, split), zip(ids, images, strict=True)):
                found.append(masks)
                if progress:
                    progress(first_id - 1 + len(found), total)
            annotations = lvis_annotations(ids, found)
            categories = categories or lvis_categories(glyphs, annotations)  # the training set's counts, in both files
            document = lvis_document(preset, folder, zip(ids, images, strict=True), annotations, categories)
            path = f"annotations/lvis_v1_{name}.json"
            content = dumped(document)
            (root / path).write_bytes(content)
            digests[path] = hashlib.sha256(content).hexdigest()
            first_id += len(images)
    manifest = {
        "preset": preset.name,
        "seed": preset.seed,
        "generator": GENERATOR_VERSION,
        "annotations": digests,
        "digest": digest(root),
    }
    (root / MANIFEST).write_bytes(dumped(manifest))


def classes(preset: Preset) -> list[Glyph]:
    """The glyph of each class, in label order."""
    if preset.characters:
        return [Glyph(preset.faces[0], character) for character in preset.characters]
    return choose(preset.faces, preset.num_classes)


def _cores() -> int:
    """The processor cores that workers may use: this process's on Linux, one where processes cannot fork safely."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1


@contextmanager
def _mapper(workers: int) -> Iterator[Callable[..., Iterable[list[Mask]]]]:
    """`map`, spread over worker processes when there are to be several; results come in the order of the input."""
    if workers < 2:
        yield map
        return
    # Forked: a spawned worker would first run the caller's script again, which would wait here for its own parent.
    # The workers need numpy and Pillow alone, so no lock of the caller's threads (torch's) can stop them.
    with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
        yield partial(pool.map, chunksize=16)


def _make_image(
    preset: Preset, glyphs: Sequence[Glyph], folder: Path, split: int, job: tuple[int, ImagePlan]
) -> list[Mask]:
    """Paints and writes one image from a seed of its own, whoever paints the others. The masks to annotate."""
    image_id, image = job
    rng = np.random.default_rng([preset.seed, split, image_id])
    pixels, masks = render(preset, [glyphs[label] for label, _ in image.objects], rng)
    # BMP is not compressed: its bytes depend on no library's version
    Image.fromarray(pixels).save(folder / file_name(image_id))
    pairs = zip(image.objects, masks, strict=True)
    return [lvis_mask(label, mask) for (label, annotated), mask in pairs if annotated]
