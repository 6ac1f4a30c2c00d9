"""A known data set whose files are in a form of their own: found, read in place, checked, and evaluated on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from coco_form import SIZE, small_set, write_set

from lt_bench.cli import main
from lt_bench.data import dataset as datasets
from lt_bench.data.convert import forms
from lt_bench.data.convert.source import Entry, Source
from lt_bench.data.image_files import Split, images_near
from lt_bench.data.known import KNOWN, Known
from lt_bench.errors import DataNotFoundError, UserError
from lt_bench.run.experiment import Experiment
from lt_bench.utils.files import sha256_of

LINES = {"train": "1 cat\n1 dog\n2 cat\n", "val": "21 dog\n"}


def sources(given: Sequence[str], images_folder: Path | None) -> list[Source]:
    """Of objects in lines, "image class", with the names of the classes in a file beside them."""
    found = []
    for word in given:
        split: Split = "train" if word.startswith("train:") else "val"
        path = Path(word.partition(":")[2])
        names = path.with_name("classes.txt")
        classes = names.read_text(encoding="utf-8").split()
        objects = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]

        def images(objects: list[list[str]] = objects) -> Iterator[Entry]:
            for key in sorted({int(image) for image, _ in objects}):
                yield {"id": key, "width": SIZE, "height": SIZE, "file_name": f"{key:012d}.png"}

        def annotations(objects: list[list[str]] = objects, classes: list[str] = classes) -> Iterator[Entry]:
            for number, (image, name) in enumerate(objects, start=1):
                yield {"id": number, "image_id": int(image), "category_id": classes.index(name), "bbox": [1, 2, 9, 9]}

        files = {file: sha256_of(file) for file in (path, names)}
        categories = [{"id": key, "name": name} for key, name in enumerate(classes)]
        found.append(Source(split, path.name, files, categories, images, annotations, exhaustive=True, masks=False))
    return found


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the data set `pets`, which is known in this test."""
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    form = forms.Form(sources, lambda found: images_near(path for one in found for path in one.files))
    monkeypatch.setattr(forms, "FORMS", {**forms.FORMS, "lines": form})
    monkeypatch.setattr("lt_bench.data.convert.in_place.FORMS", forms.FORMS)
    pets = Known((("old_train.txt", "old_val.txt"), ("train.txt", "val.txt")), "Get {train}.", form="lines")
    for module in ("known", "find_known"):
        monkeypatch.setattr(f"lt_bench.data.{module}.KNOWN", {**KNOWN, "pets": pets})
    for module in ("cli.own_data", "run.experiment"):
        monkeypatch.setattr(f"lt_bench.{module}.KNOWN", {**KNOWN, "pets": pets})
    root = tmp_path / "pets"
    write_set(root, small_set())  # for its pictures
    for name, text in {**LINES, "classes": "cat dog"}.items():
        (root / f"{name}.txt").write_text(text, encoding="utf-8")
    return root


def call(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)


def test_it_is_found_read_and_checked_by_its_name(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = datasets.find("pets", root)
    assert (paths.train, paths.val, paths.image_root, paths.form) == (
        root / "train.txt",
        root / "val.txt",
        root,
        "lines",
    )
    with pytest.raises(UserError, match=r"train\.txt has boxes alone"):
        datasets.load(paths)
    data = datasets.load(paths, masks=False)
    datasets.verify(data, masks=False)
    assert data.paths.train.name == "train.txt" and data.paths.train != paths.train and data.given == paths
    assert [(each["name"], each["image_count"], each["instance_count"]) for each in data.train.categories] == [
        ("cat", 2, 2),
        ("dog", 1, 1),
    ]
    assert data.assumed[0] == "train.txt and val.txt: the form is lines: both files were converted to LVIS's"
    checked = call("data", "check", root, "--dataset", "pets")
    assert checked.exit_code == 0, checked.output
    assert call("data", "check", "--data-root", root, "--dataset", "pets").output == checked.output
    assert call("data", "check", root, "--data-root", root, "--dataset", "pets").exit_code == 2
    monkeypatch.setenv("LT_BENCH_DATA", str(root.parent))
    assert call("data", "check", "--dataset", "pets").output == checked.output
    assert datasets.val_annotations("pets", masks=False) == data.paths.val  # where `verify` finds it again
    assert f"{root / 'train.txt'}: 2 classes, " in checked.output
    assert "no annotation has a mask" in checked.output and "polygons" not in checked.output


def test_a_change_in_any_of_its_files_or_of_its_reader_is_noticed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = datasets.load(datasets.find("pets", root), masks=False).paths.train
    assert datasets.load(datasets.find("pets", root), masks=False).paths.train == first
    monkeypatch.setitem(forms.FORMS, "lines", replace(forms.FORMS["lines"], version=2))  # type: ignore[arg-type]
    second = datasets.load(datasets.find("pets", root), masks=False).paths.train
    (root / "classes.txt").write_text("dog cat", encoding="utf-8")
    third = datasets.load(datasets.find("pets", root), masks=False)
    assert len({first, second, third.paths.train}) == 3
    assert third.train.names == ("dog", "cat")


def test_it_is_found_and_evaluated_on_without_naming_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detection = {"image_id": 21, "category_id": 1, "bbox": [1, 2, 9, 9], "score": 0.9}
    Path("found.json").write_text(json.dumps([detection]), encoding="utf-8")
    done = call("eval", "found.json", "--dataset", "pets", "--data-root", root, "--box-only", "--csv", "ap.csv")
    assert done.exit_code == 0, done.output
    assert "100.0" in done.output  # the one object is found
    assert "own counts" not in done.output  # the frequency groups are the training set's
    assert "dog" in Path("ap.csv").read_text(encoding="utf-8")
    monkeypatch.setenv("LT_BENCH_DATA", str(root.parent))
    assert call("eval", "found.json", "--dataset", "pets", "--box-only").exit_code == 0
    for words, said in (
        (("--dataset", "pats"), "no known data set"),
        (("--dataset", "pets", "--data-root", "nowhere"), "nowhere: no such folder"),
        (("--dataset", "pets", "--annotations", root / "val.txt"), "--dataset is for a record"),
        (("--data-root", root, "--annotations", root / "val.txt"), "name the truth twice"),
    ):
        done = call("eval", "found.json", *words)
        assert done.exit_code == 2 and said in done.output


def test_what_is_missing_is_named_and_what_else_is_there(root: Path) -> None:
    (root / "val.txt").unlink()
    with pytest.raises(DataNotFoundError, match=r"no val\.txt") as caught:
        datasets.find("pets", root)
    assert "no old_train.txt and no old_val.txt" in caught.value.message
    assert caught.value.remedy.startswith("Annotations of another data set are there.")
    assert "Get old_train.txt." in caught.value.remedy
    (root / "val.txt").write_text("", encoding="utf-8")
    with pytest.raises(DataNotFoundError) as caught:
        datasets.find("lvis_v1", root)
    assert caught.value.remedy.startswith("pets is there: ask for it with --dataset pets.")


def test_its_layer_is_that_of_the_table(root: Path) -> None:
    assert Experiment(loss="ce", dataset="pets").data_layer == "lvis_v1"
    assert Experiment(loss="ce", dataset="pets").track().dataset == "pets"
