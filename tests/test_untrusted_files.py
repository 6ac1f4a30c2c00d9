"""Records, evidence, configs, predictions, annotations and checkpoints of others, damaged or made to harm: read, or
refused in words.

`make fuzz` draws 10,000 of each anew.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_files import sound_content

from lt_bench.data import lvis
from lt_bench.errors import UserError
from lt_bench.evaluation.evidence.file import read_evidence
from lt_bench.evaluation.inputs.predictions import read_predictions
from lt_bench.features.model import read_weights
from lt_bench.leaderboard import read
from lt_bench.leaderboard.dumped_config import read_config
from lt_bench.leaderboard.markdown import escape
from lt_bench.leaderboard.store import record_path

STORED = Path(__file__).parents[1] / "leaderboards" / "results" / "glyphs" / "mask_rcnn_r50_1x_common"
RECORD = next(path for path in sorted(STORED.glob("ce_seed0_*.json")))
EVIDENCE = RECORD.with_name(f"{RECORD.stem}.evidence.parquet")
CONFIG = RECORD.with_name(f"{RECORD.stem}.config.py")
MANY = settings(
    max_examples=settings().max_examples if settings().max_examples < 1000 else 10_000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
DETECTION = {"image_id": 1, "category_id": 2, "bbox": [0.0, 1.5, 2.0, 3.0], "score": 0.5}
PIECES = (
    b"",
    b"\0",
    b"\xff\xfe",
    b'"',
    b"[" * 3000,
    b"{" * 3000,
    b"NaN",
    b"-",
    b"1e999",
    b"\n",
    b"]",
    b"}",
    b",",
    b"../",
)


def read_all_predictions(path: Path) -> int:
    return sum(1 for _ in read_predictions(path))


def read_all_annotations(path: Path) -> int:
    file = lvis.load(path)
    return sum(1 for entries in (file.images, file.annotations) for _ in entries)


@st.composite
def damages(draw: st.DrawFn, content: bytes) -> bytes:
    """Up to four places where bytes are cut out, put in, or doubled; or the file's beginning alone."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.integers(start, min(len(content), start + draw(st.sampled_from((1, 8, 300, 10**6))))))
        put = draw(st.sampled_from(PIECES) | st.binary(max_size=12) | st.just(content[start:end] * 2))
        content = content[:start] + put + content[end:]
    return content


def checkpoint(folder: Path) -> bytes:
    torch.save({"state_dict": {"fc.weight": torch.zeros(3, 2)}, "meta": {"epoch": 1}}, folder / "made.pth")
    return (folder / "made.pth").read_bytes()


READERS: dict[str, tuple[Callable[[Path], Any], Callable[[Path], bytes]]] = {
    "record": (read, lambda folder: RECORD.read_bytes()),
    "evidence": (read_evidence, lambda folder: EVIDENCE.read_bytes()),
    "config": (read_config, lambda folder: CONFIG.read_bytes()),
    "predictions": (read_all_predictions, lambda folder: json.dumps([DETECTION] * 3).encode()),
    "annotations": (read_all_annotations, lambda folder: json.dumps(sound_content("val")).encode()),
    "checkpoint": (read_weights, checkpoint),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("untrusted")


@pytest.mark.parametrize("kind", READERS)
@MANY
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_in_words(kind: str, folder: Path, data: st.DataObject) -> None:
    reader, made = READERS[kind]
    path = folder / f"file.{kind}"
    path.write_bytes(data.draw(damages(made(folder))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            reader(path)
        except UserError as error:
            assert path.name in error.message


@MANY
@given(name=st.text(min_size=1, max_size=200))
def test_a_name_of_any_text_stays_in_its_folder_and_its_cell(name: str) -> None:
    record = read(RECORD)
    track = record.track.model_copy(update={"dataset": name, "detector": name})
    loss = record.loss.model_copy(update={"name": name})
    path = record_path(record.model_copy(update={"track": track, "loss": loss}))
    assert not path.is_absolute() and len(path.parts) == 3
    assert not {"..", "."} & set(path.parts) and all(part.isascii() and part.isprintable() for part in path.parts)
    shown = escape(name)
    assert len(shown.splitlines()) <= 1
    assert not any(letter in shown.replace(f"\\{letter}", "") for letter in "|<>`")
