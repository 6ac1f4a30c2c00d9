"""A run whose classes, images and folders have names of any language, where the locale knows ASCII alone."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from coco_form import NAMES, coco_form, write_set
from command_line import lt_bench
from test_own_data import TINY

from lt_bench.leaderboard.store import read

CLASSES = dict(zip(NAMES, ("Äpfel | <b>", "数据", "🦥 *slow*", "עברית"), strict=True))
C = {"LC_ALL": "C", "LANG": "C", "LANGUAGE": ""}
WITHOUT_UTF8 = {**C, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}  # as in a locale of another encoding


def own_set(root: Path, picture: str) -> dict[str, Path]:
    """picture: what the names of images begin with."""
    shown = [(image, 3) for image in range(1, 6)] + [(1, 5), (2, 11), (3, 90)]
    content: dict[str, Any] = {"train": coco_form(range(1, 7), shown, CLASSES)}
    content["val"] = coco_form(range(21, 24), [(21, 3), (22, 5), (23, 11), (23, 90)], CLASSES)
    for one in content.values():
        for image in one["images"]:
            image["file_name"] = f"{picture}{image['file_name']}"
    return write_set(root, content)


@pytest.mark.extra
@pytest.mark.parametrize(
    ("locale", "folder", "picture"), [(C, "Übung 数据", "größe_"), (WITHOUT_UTF8, "folder", "")], ids=["C", "ASCII"]
)
def test_all_that_a_run_writes_has_them(tmp_path: Path, locale: dict[str, str], folder: str, picture: str) -> None:
    root = tmp_path / folder
    files = own_set(root, picture)
    (root / "runs").mkdir()
    env = {**locale, "LT_BENCH_CACHE": str(root / "cache"), "LT_BENCH_DATA": str(tmp_path / "nowhere")}

    def give(*words: str) -> str:
        done = lt_bench(*words, cwd=root / "runs", env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    own = (f"--train-annotations={files['train']}", f"--val-annotations={files['val']}", f"--images={root}")
    give("run", "--loss", "ecm", *TINY, *own, "--dataset-name", "own", "--work-dir", "w")
    record = read(root / "runs" / "w" / "result.json")
    assert [row.name for row in record.per_class] == list(CLASSES.values())
    assert names_in(root / "runs" / "w" / "per_class.csv") == list(CLASSES.values())
    (root / "runs" / "w" / "run.log").read_text(encoding="utf-8")
    assert "| ecm" in (root / "runs" / "work_dirs" / "leaderboards" / "own.md").read_text(encoding="utf-8")
    give("verify", "w")
    give("eval", "w/predictions.json", "--annotations", str(files["val"]), "--csv", "ap.csv")
    assert names_in(root / "runs" / "ap.csv") == list(CLASSES.values())


def names_in(table: Path) -> list[str]:
    return [row["name"] for row in csv.DictReader(table.read_text(encoding="utf-8").splitlines())]
