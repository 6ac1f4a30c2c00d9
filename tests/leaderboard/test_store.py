from __future__ import annotations

import json
import os
import random
import socket
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from pydantic import ValidationError
from record_values import errors, metrics

from lt_bench.errors import UserError
from lt_bench.leaderboard import ResultRecord, add, read, read_all, record_path, store, write

OLD_RECORDS = Path(__file__).parent / "old_records"  # as runs of versions 1 and 2 wrote them


def test_a_record_reads_back_equal(tmp_path: Path, make_record) -> None:
    rng = random.Random(0)
    parameters = {"flag": True, "count": 1, "one": 1.0, "text": "1", "tiny": 5e-324}
    for seed in range(20):
        record = make_record(
            {"name": "ä|\u202e\n", "hyper_parameters": parameters, "non_default": ["tiny"]},
            ap=rng.random(),
            training_seconds=rng.random() * 1e5,
            seed=seed,
            overrides=["a=1"],
        )
        write(record, tmp_path / "r.json")
        again = read(tmp_path / "r.json")
        assert again == store.sealed(record)
        # 1 == 1.0 == True, so equality alone would not notice a changed type
        assert {name: type(value) for name, value in again.loss.hyper_parameters.items()} == {
            name: type(value) for name, value in parameters.items()
        }


def test_the_file_is_stable_json(tmp_path: Path, make_record) -> None:
    record = make_record()
    assert write(record, tmp_path / "a.json") == write(record, tmp_path / "b.json")
    text = (tmp_path / "a.json").read_text()
    content = json.loads(text)
    assert text.endswith("}\n")
    assert list(content) == sorted(content)
    assert content["schema_version"] == 9
    assert content["started"] == "2025-03-01T12:30:00Z"


def test_writing_is_all_or_nothing(tmp_path: Path, make_record, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.json"
    write(make_record(), path)
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(make_record("ce"), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["r.json"]


def changed(record: ResultRecord, path: str, value: object) -> str:
    content = json.loads(record.model_dump_json())
    *parents, last = path.split(".")
    target = content
    for key in parents:
        target = target[int(key)] if isinstance(target, list) else target[key]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return json.dumps(content)


INVALID = [
    ("seed", ...),
    ("seed", "0"),
    ("seed", -1),
    ("seed", 1.5),
    ("seed", True),
    ("seed", None),
    ("schema_version", 10),
    ("evidence", "e" * 63),
    ("seal", {"seed": "e" * 15}),
    ("schema_version", "1"),
    ("surprise", 1),
    ("loss.surprise", 1),
    ("loss.name", ""),
    ("loss.name", "x" * 10_000),
    ("loss.name", 5),
    ("loss.hyper_parameters", {"a": [1]}),
    ("loss.hyper_parameters", {"a": float("inf")}),
    ("loss.hyper_parameters", {"a": None}),
    ("loss.hyper_parameters", {str(index): 1 for index in range(1000)}),
    ("loss.non_default", ["absent"]),
    ("track", "mask_rcnn"),
    ("track.recipe", ...),
    ("fingerprint", "a" * 63),
    ("fingerprint", "../" + "a" * 61),
    ("fingerprint", "a" * 64 + "\n"),
    ("init.kind", "imagenet"),
    ("metrics.bbox.AP", float("nan")),
    ("metrics.bbox.AP", 25.3),
    ("metrics.segm.APr", -0.5),
    ("metrics.segm.APr", "0.5"),
    ("metrics.segm.APr", ...),
    ("metrics.keypoints", {}),
    ("ap_fixed", {"bbox": metrics(0.5)}),
    ("ap_fixed", {"bbox": metrics(0.5), "segm": metrics(0.5, AP=1.5)}),
    ("ap_boundary", {"bbox": metrics(0.5), "segm": metrics(0.5)}),
    ("errors", {"segm": errors()["segm"]}),
    ("errors", errors(missed=1.5)),
    ("errors", errors(other=0.1)),
    ("detections_per_image", 0),
    ("per_class.0.bbox_fixed", 2.0),
    ("per_class", []),
    ("per_class.0.id", 8),
    ("per_class.0.segm", 1.01),
    ("per_class.0.frequency", "u"),
    ("training_seconds", float("inf")),
    ("training_seconds", -1),
    ("memory.kind", "disk"),
    ("device.count", 0),
    ("git.commit", "HEAD"),
    ("git.dirty", "no"),
    ("data.classes", 3),
    ("data.train_annotations", "B" * 64),
    ("started", "yesterday"),
    ("started", "2025-03-01T12:30:00"),
    ("started", "2025-03-01T12:30:00+02:00"),
    ("overrides", "a=1"),
    ("amp", "yes"),
    ("notes", ["x" * 100_000]),
]


@pytest.mark.parametrize(("field", "value"), INVALID, ids=lambda value: str(value)[:30])
def test_an_invalid_field_is_named(tmp_path: Path, make_record, field: str, value: object) -> None:
    path = tmp_path / "r.json"
    path.write_text(changed(make_record(), field, value))
    with pytest.raises(UserError) as caught:
        read(path)
    assert str(path) in caught.value.message
    named = {"per_class.0.id": "twice", "data.classes": "data.classes", "per_class": "per_class"}
    assert named.get(field, field.split(".")[-1]) in caught.value.message
    assert len(caught.value.message) < 3000


FURTHER = {
    "ap_fixed": {"bbox": metrics(0.5), "segm": metrics(0.25)},
    "ap_boundary": metrics(0.125),
    "errors": errors(missed=-0.1),
    "detections_per_image": 1000,
}


def test_further_metrics_are_there_or_not(tmp_path: Path, make_record) -> None:
    plain, full = make_record(), make_record(**FURTHER)
    for record, names in ((plain, {"ap"}), (full, {"ap", "ap_fixed", "ap_boundary", "errors"})):
        write(record, tmp_path / "r.json")
        assert read(tmp_path / "r.json") == store.sealed(record)
        assert record.measured() == names
        content = json.loads((tmp_path / "r.json").read_text())
        assert set(FURTHER) & set(content) == (set(FURTHER) if record is full else set())
    assert plain.identity() == full.identity()


@pytest.mark.parametrize("field", [*FURTHER, "per_class"])
def test_a_record_of_version_1_has_no_further_metrics(tmp_path: Path, make_record, field: str) -> None:
    content = json.loads(make_record(schema_version=1, **FURTHER | dict.fromkeys(FURTHER)).model_dump_json())
    content["per_class"][0]["boundary"] = 0.5 if field == "per_class" else None
    content[field] = FURTHER.get(field, content["per_class"])
    (tmp_path / "r.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="schema_version 1 has no"):
        read(tmp_path / "r.json")


@pytest.mark.parametrize("version", [1, 2])
def test_a_record_of_an_earlier_version_has_no_evidence(tmp_path: Path, make_record, version: int) -> None:
    earlier = make_record(schema_version=version)
    write(earlier, tmp_path / "r.json")
    assert read(tmp_path / "r.json") == earlier
    assert "evidence" not in json.loads((tmp_path / "r.json").read_text())
    (tmp_path / "r.json").write_text(changed(earlier, "evidence", "e" * 64))
    with pytest.raises(UserError, match=f"schema_version {version} has no evidence"):
        read(tmp_path / "r.json")
    later = make_record(evidence="e" * 64)
    write(later, tmp_path / "r.json")
    assert read(tmp_path / "r.json") == store.sealed(later)
    assert later.identity() == earlier.identity()


@pytest.mark.parametrize("version", [1, 2])
def test_records_of_an_earlier_version_stay_as_they_are(tmp_path: Path, version: int) -> None:
    results = OLD_RECORDS
    paths = [path for path in results.rglob("*.json") if json.loads(path.read_text())["schema_version"] == version]
    assert paths
    for path in paths:
        assert add(path, tmp_path).relative_to(tmp_path) == path.relative_to(results)  # the name holds the identity
        assert (tmp_path / path.relative_to(results)).read_bytes() == path.read_bytes()


def test_a_record_in_memory_is_checked_too(make_record) -> None:
    with pytest.raises(ValidationError):
        make_record(ap=float("nan"))
    with pytest.raises(ValidationError):
        make_record(started=datetime(2025, 1, 1, tzinfo=timezone(timedelta(hours=1))))


def hostile(folder: Path, valid: str) -> dict[str, Path]:
    """Everything that a results folder may hold by mistake or malice, and that is no record."""
    files = {
        "empty": b"",
        "binary": bytes(range(256)),
        "utf-16": valid.encode("utf-16"),
        "truncated": valid.encode()[:-20],
        "trailing": valid.encode() + b"{}",
        "list": b"[" + valid.encode() + b"]",
        "deep list": b"[" * 200_000,
        "deep object": b'{"a":' * 200_000,
        "deep field": valid.replace('"notes": []', '"notes": ' + "[" * 900 + "]" * 900).encode(),
        "duplicate key": valid.replace('"seed"', '"seed": 1, "seed"', 1).encode(),
        "nested duplicate": valid.replace('"AP"', '"AP": 1, "AP"', 1).encode(),
        "huge number": valid.replace('"seed": 0', '"seed": ' + "9" * 5000).encode(),
        "big number": valid.replace('"seed": 0', '"seed": 1e400').encode(),
        "lone surrogate": valid.replace('"ecm"', '"\\ud800"').encode(),
        "not a number": valid.replace('"training_seconds": 3661.5', '"training_seconds": NaN').encode(),
    }
    paths = {}
    for name, content in files.items():
        assert content != valid.encode(), name
        paths[name] = folder / f"{name}.json"
        paths[name].write_bytes(content)
    paths["huge"] = folder / "huge.json"
    paths["huge"].write_text(valid + " " * store.LARGEST)
    for name in ("folder", "link loop", "link to itself", "link to a record", "link to a device", "pipe", "socket"):
        paths[name] = folder / f"{name}.json"
    paths["folder"].mkdir()
    paths["link loop"].symlink_to(folder)
    paths["link to itself"].symlink_to(paths["link to itself"])
    outside = folder.parent / "outside.json"
    outside.write_text(valid)
    paths["link to a record"].symlink_to(outside)
    paths["link to a device"].symlink_to("/dev/zero")
    os.mkfifo(paths["pipe"])
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(folder)  # a socket's path must be short
        try:
            server.bind(paths["socket"].name)
        finally:
            os.chdir(here)
    return paths


def test_hostile_files_are_named_and_harm_no_record(tmp_path: Path, make_record, monkeypatch) -> None:
    monkeypatch.setattr(store, "LARGEST", 1 << 20)
    results = tmp_path / "results"
    good = [make_record(seed=seed) for seed in range(2)]
    for record in good:
        write(record, results / record_path(record))
    (results / "loop").symlink_to(results)
    (results / "notes.txt").write_text("no record, and does not claim to be one")
    valid = json.dumps(json.loads(good[0].model_dump_json()))
    bad = hostile(results, valid)
    records, problems = read_all(results)
    assert {record.seed for _, record in records} == {0, 1}
    assert [path for path, _ in records] == sorted(results / record_path(record) for record in good)
    for name, path in bad.items():
        assert sum(str(path) in problem for problem in problems) == 1, name
    assert len(problems) == len(bad)


def test_file_names_are_reported_in_printable_form(tmp_path: Path) -> None:
    (tmp_path / "a\n\x1b[31m.json").write_text("{}")
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.json"))).write_text("{}")
    _, problems = read_all(tmp_path)
    assert len(problems) == 2
    assert all(problem.isprintable() for problem in problems)


def test_no_folder_has_no_records(tmp_path: Path) -> None:
    assert read_all(tmp_path / "absent") == ([], [])


def test_add_files_a_record_under_its_own_name(tmp_path: Path, make_record) -> None:
    record = make_record("ecm", dataset="lvis_v0.5", seed=7)
    write(record, tmp_path / "work" / "result.json")
    path = add(tmp_path / "work" / "result.json", tmp_path / "results")
    assert path.parent == tmp_path / "results" / "lvis_v0.5" / "mask_rcnn_r50_1x_common"
    assert path.name == f"ecm_seed7_{record.identity()[:12]}.json"
    assert read(path) == store.sealed(record)
    with pytest.raises(UserError, match=r"absent\.json: cannot be read"):
        add(tmp_path / "absent.json", tmp_path / "results")


def test_identity_is_what_was_run_and_not_how_it_came_out(make_record) -> None:
    record = make_record()
    assert make_record(ap=0.9, training_seconds=1.0, predictions="e" * 64).identity() == record.identity()
    for other in (make_record("ce"), make_record(seed=1), make_record(fingerprint="b" * 64), make_record(dataset="x")):
        assert other.identity() != record.identity()


NAMES = [
    "glyphs",
    "lvis_v0.5",
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    ".",
    ".hidden",
    "a/b",
    "a\\b",
    "a b",
    "a-b",
    "A-B",
    "a\x00b",
    "ä",
    "a",
    "漢字",
    "con\n",
    "x" * 200,
    "x" * 199,
]


def test_names_become_different_file_names_that_stay_in_their_folder(tmp_path: Path, make_record) -> None:
    slugs = [store.slug(name) for name in NAMES]
    slugs += [store.slug(slug) for slug in slugs if slug not in NAMES]  # a name made to look like another's slug
    assert len(set(slugs)) == len(slugs)
    assert store.slug("glyphs") == "glyphs"
    assert store.slug("lvis_v0.5") == "lvis_v0.5"
    for slug in slugs:
        assert len(slug) < 64
        assert (tmp_path / slug).parent.resolve() == tmp_path
        assert (tmp_path / slug).resolve() == tmp_path / slug
    for name in NAMES:
        path = tmp_path / record_path(make_record(name, dataset=name))
        assert path.resolve().relative_to(tmp_path).parts == path.relative_to(tmp_path).parts
        assert len(path.relative_to(tmp_path).parts) == 3
