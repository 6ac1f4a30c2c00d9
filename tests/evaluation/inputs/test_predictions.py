from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lt_bench.errors import RunFailedError, UserError
from lt_bench.evaluation.inputs import predictions as module
from lt_bench.evaluation.inputs.predictions import read_predictions, write_predictions

ROWS = [{"image_id": 1, "score": 0.1 + 0.2, "name": "ä,]}[{"}, {"image_id": 2, "bbox": [1, 2.5, 3, 4]}, {}]


@pytest.mark.parametrize("rows", [[], ROWS[:1], ROWS], ids=len)
def test_what_is_written_is_json_and_reads_back(tmp_path: Path, rows: list) -> None:
    path = tmp_path / "folder" / "predictions.json"
    digest = write_predictions(path, iter(rows))
    assert json.loads(path.read_text()) == rows
    assert list(read_predictions(path)) == rows
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert os.listdir(path.parent) == ["predictions.json"]


def test_numpy_values_and_bytes_are_written_as_plain_json(tmp_path: Path) -> None:
    row = {"score": np.float32(0.5), "image_id": np.int64(3), "bbox": np.arange(4.0), "counts": b"04"}
    write_predictions(tmp_path / "p.json", [row])
    assert json.loads((tmp_path / "p.json").read_text()) == [
        {"score": 0.5, "image_id": 3, "bbox": [0.0, 1.0, 2.0, 3.0], "counts": "04"}
    ]


def test_not_a_number_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(RunFailedError, match=r"a detection cannot be written: .*nan"):
        write_predictions(tmp_path / "p.json", [{"score": 0.5}, {"score": float("nan")}])
    assert os.listdir(tmp_path) == []


def test_a_failure_leaves_the_old_file_and_no_part_of_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    write_predictions(path, ROWS)
    before = path.read_bytes()

    def broken() -> Iterator[dict]:
        yield {"image_id": 1}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_predictions(path, broken())
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["p.json"]


def test_a_killed_process_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    write_predictions(path, ROWS)
    before = path.read_bytes()
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from lt_bench.evaluation.inputs.predictions import write_predictions\n"
        "def rows():\n"
        "    yield {'image_id': 1}\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_predictions(Path(sys.argv[1]), rows())\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode != 0
    assert path.read_bytes() == before


def test_written_files_have_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_predictions(tmp_path / "p.json", ROWS)
    assert (tmp_path / "p.json").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("chunk", [1, 2, 7, 64])
@pytest.mark.parametrize("indent", [None, 3])
def test_any_layout_is_read_in_any_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, indent) -> None:
    monkeypatch.setattr(module, "BLOCK", chunk)
    path = tmp_path / "p.json"
    path.write_text(" \n" + json.dumps(ROWS, indent=indent) + "\n ", encoding="utf-8")
    assert list(read_predictions(path)) == ROWS


@pytest.mark.parametrize("chunk", [1, 1 << 20])
def test_every_truncation_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(module, "BLOCK", chunk)
    text = json.dumps(ROWS)
    path = tmp_path / "p.json"
    for length in range(len(text)):
        path.write_text(text[:length])
        with pytest.raises(UserError, match=r"p\.json: not a predictions file"):
            list(read_predictions(path))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"null",
        b"[1]",
        b"[[]]",
        b'["a"]',
        b"[{},]",
        b"[,{}]",
        b"[{} {}]",
        b"[{}] x",
        b"[{}}",
        b"[{'a': 1}]",
        b"[{}]\xff",
        b"\x80\x04\x95",
        b'[{"a": ' + b"1" * 5000 + b"}]",
        b"[" * 100_000,
        b'[{"a":' + b"[" * 100_000,
    ],
)
def test_what_is_no_list_of_detections_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"p\.json(: n| is a pickle)"):
        list(read_predictions(path))


def test_an_endless_element_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 1000)
    monkeypatch.setattr(module, "BLOCK", 100)
    path = tmp_path / "p.json"
    for rest in ("", '"}]'):
        path.write_text('[{"a": "' + "x" * 100_000 + rest)
        with pytest.raises(UserError, match="truncated or damaged: Unterminated string"):
            list(read_predictions(path))


def test_a_truncated_file_gives_its_complete_detections_first(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.json", ROWS)
    content = (tmp_path / "p.json").read_bytes()
    (tmp_path / "p.json").write_bytes(content[: content.index(b"2.5")])
    rows = read_predictions(tmp_path / "p.json")
    assert next(rows) == ROWS[0]
    with pytest.raises(UserError, match="not a predictions file: truncated"):
        next(rows)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(ROWS).encode())
    assert list(read_predictions(tmp_path / "p.json")) == ROWS


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.json", tmp_path):
        with pytest.raises(UserError, match="cannot be read"):
            list(read_predictions(path))
