"""Where a run's data comes from, and that what fails its check is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from experiments import write_annotations
from PIL import ExifTags, Image

from lt_bench.data import dataset as datasets
from lt_bench.data import verify as checks
from lt_bench.data.dataset import Dataset
from lt_bench.errors import DataNotFoundError, UserError


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Two training images, 1 and 2, and two of validation, 11 and 12, that pass their check."""
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "lvis"
    paths = write_annotations(root)
    for path in (paths.train, paths.val):
        content = json.loads(path.read_text(encoding="utf-8"))
        for category in content["categories"]:
            count = 2 if category["id"] == 7 else 0
            category |= {"frequency": "r", "image_count": count, "instance_count": count}
        path.write_text(json.dumps(content), encoding="utf-8")
        for image in content["images"]:
            file = root / "/".join(image["coco_url"].split("/")[-2:])
            file.parent.mkdir(exist_ok=True)
            Image.new("RGB", (image["width"], image["height"])).save(file)
    return datasets.load(datasets.find("lvis_v1", root))


def image(data: Dataset, number: int) -> Path:
    (path,) = data.paths.image_root.rglob(f"{number:012d}.jpg")
    return path


def test_lvis_is_the_default_where_it_is_and_glyphs_elsewhere(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LT_BENCH_DATA", str(data.paths.image_root))
    assert datasets.default(None) == "lvis_v1"
    monkeypatch.setenv("LT_BENCH_DATA", "nowhere")
    assert datasets.default(None) == "glyphs"
    with pytest.raises(DataNotFoundError):
        datasets.default(tmp_path / "nowhere")


def test_files_of_different_classes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    paths = write_annotations(tmp_path)
    other = write_annotations(tmp_path / "other", classes=4)
    paths.val.write_bytes(other.val.read_bytes())
    with pytest.raises(UserError, match="list different categories"):
        datasets.load(paths)


def test_a_pass_is_remembered_until_an_image_changes(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets.verify(data, ())
    with monkeypatch.context() as context:
        context.setattr(checks, "check", lambda *given, **options: pytest.fail("checked again"))
        datasets.verify(data, ())
    image(data, 12).write_bytes(b"damaged")
    for _ in range(2):  # a failure is not remembered
        with pytest.raises(UserError, match="fails its check"):
            datasets.verify(data, ())


def test_which_image_shows_which_picture_is_known(data: Dataset) -> None:
    """SHA-256 over the ids of each split with those of their files, whether the check is remembered or not."""
    own = hashlib.sha256()
    for file in (data.train, data.val):
        shown = [[one, hashlib.sha256(image(data, one).read_bytes()).hexdigest()] for one in sorted(file.image_ids)]
        own.update(json.dumps(sorted(shown)).encode())
    assert data.image_files is None
    assert [datasets.verify(data).image_files for _ in range(2)] == [own.hexdigest()] * 2
    first, second = (image(data, number) for number in (11, 12))
    white = Image.new("RGB", Image.open(first).size, "white")
    found = {own.hexdigest()}
    for changed in (first, second):  # at the end both images are white
        white.save(changed)
        found.add(datasets.verify(data).image_files or "")
    Image.new("RGB", white.size).save(first)  # as after the first change, with the two exchanged
    found.add(datasets.verify(data).image_files or "")
    assert len(found) == 4 and "" not in found


def test_pictures_that_are_turned_within_their_size_are_said(data: Dataset) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    Image.open(image(data, 12)).save(image(data, 12), exif=exif)
    notes = checks.check_both(data.train, data.val, data.paths.image_root).notes
    (note,) = (note for note in notes if "EXIF" in note)
    assert note.startswith(f"{data.paths.val.name}: 1 images") and "image 12:" in note


def test_images_at_fault_can_be_left_out(data: Dataset) -> None:
    for number in (2, 11):
        image(data, number).unlink()
    with pytest.raises(UserError, match="fails its check"):
        datasets.verify(data, [2])
    datasets.verify(data, [2, 11])
    with pytest.raises(UserError, match="fails its check"):  # what was left out has not passed
        datasets.verify(data, ())
