"""An annotation file is the same in each of its forms, with a cache and without."""

from __future__ import annotations

import gzip
import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from test_lvis import V1

from lt_bench.data.lvis import load
from lt_bench.errors import UserError

TEXT = json.dumps(V1, ensure_ascii=False).replace("yak", "Gänse 鹅")
FORMS: dict[str, Callable[[str], bytes]] = {
    "UTF-8": str.encode,
    "with a mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-be"),
    "gzip": lambda text: gzip.compress(text.encode()),
    "gzip of UTF-16": lambda text: gzip.compress(text.encode("utf-16")),
}


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_each_form_holds_the_same(tmp_path: Path, form: str, cached: bool) -> None:
    path, cache = tmp_path / "a.json", tmp_path / "cache" if cached else None
    path.write_bytes(FORMS[form](TEXT))
    for _ in range(2):
        file = load(path, cache)
        assert file.path == path
        assert file.digest == hashlib.sha256(path.read_bytes()).hexdigest()
        assert list(file.annotations) == json.loads(TEXT)["annotations"]
        assert list(file.images) == json.loads(TEXT)["images"]
        assert file.names[1] == "Gänse 鹅"
        assert list(pickle.loads(pickle.dumps(file)).annotations) == list(file.annotations)
    path.write_bytes(FORMS[form](TEXT.replace("zebra", "horse")))
    assert load(path, cache, rehash=False).names[0] == "horse"


def test_a_copy_is_made_once_and_anew_when_it_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, cache = tmp_path / "a.json.gz", tmp_path / "cache"
    path.write_bytes(gzip.compress(TEXT.encode()))
    load(path, cache)
    (copy,) = (cache / "annotations").glob("*.json")
    with monkeypatch.context() as context:
        context.setattr("lt_bench.data.plain_text._pieces", lambda path: pytest.fail("unpacked again"))
        load(path, cache)
    copy.write_bytes(copy.read_bytes().replace(b"zebra", b"zebro"))
    assert load(path, cache).names[0] == "zebra"
    assert list((cache / "annotations").glob("*.json")) == [copy]


def test_a_cache_that_cant_be_written_is_done_without(tmp_path: Path) -> None:
    path, cache = tmp_path / "a.json.gz", tmp_path / "cache"
    path.write_bytes(gzip.compress(TEXT.encode()))
    cache.write_text("a file")
    assert list(load(path, cache).annotations) == json.loads(TEXT)["annotations"]


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize(
    ("content", "named"),
    [
        (gzip.compress(TEXT.encode())[:-20], "cut off or damaged"),
        (gzip.compress(TEXT.encode()[:-20]), "not JSON .*truncated"),
        (TEXT.replace("ä", "").encode("gbk"), "not in UTF-8: .* after"),
        (b"PK\x03\x04" + bytes(100), "is a ZIP archive"),
    ],
    ids=["cut gzip", "gzip of cut text", "gbk", "zip"],  # of gzip's content they would differ: it notes the time
)
def test_what_is_no_such_text_is_named_as_the_user_knows_it(
    tmp_path: Path, content: bytes, named: str, cached: bool
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"{tmp_path}/a\.json.*{named}") as caught:
        load(path, tmp_path / "cache" if cached else None)
    assert caught.value.remedy
