"""A text is the same in whichever of its usual forms it is on disk."""

from __future__ import annotations

import codecs
import gzip
import io
import lzma
import pickle
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lt_bench.data import text_source
from lt_bench.data.text_source import is_plain, open_text_source
from lt_bench.errors import UserError

MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


def read(path: Path, size: int = 1 << 16) -> bytes:
    with open_text_source(path) as stream:
        return b"".join(iter(lambda: stream.read(size), b""))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("texts") / "a.json"


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.sampled_from([*MARKS]), st.booleans(), st.booleans())
def test_every_form_gives_the_same_bytes(file: Path, inner: str, encoding: str, marked: bool, packed: bool) -> None:
    text = f'{{"a": "{inner}"}}'  # JSON starts with two characters of ASCII
    content = (MARKS[encoding] if marked else b"") + text.encode(encoding)
    file.write_bytes(gzip.compress(content, 1) if packed else content)
    assert read(file) == text.encode()
    assert is_plain(file) == (encoding == "utf-8" and not packed)


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
def test_a_read_gives_no_more_than_it_is_asked_for(
    tmp_path: Path, size: int, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_source, "BLOCK", 5)
    text = '["Gänse 鹅 🦢"]' * 40
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(text.encode(encoding)))
    with open_text_source(path) as stream:
        blocks = list(iter(lambda: stream.read(size), b""))
    assert b"".join(blocks) == text.encode()
    assert max(map(len, blocks)) <= size


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a"'])
def test_short_files_are_passed_on(tmp_path: Path, content: bytes) -> None:
    for name, stored in (("a", content), ("b.gz", gzip.compress(content)), ("c", codecs.BOM_UTF8 + content)):
        (tmp_path / name).write_bytes(stored)
        assert read(tmp_path / name) == content


def archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        packed.writestr("a.json", "[]")
    return content.getvalue()


PACKED = gzip.compress(bytes(range(256)) * 500)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (archive(), "ZIP archive"),
        (gzip.compress(archive()), "ZIP archive"),
        (lzma.compress(b"[]"), "packed with xz"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "pointer of Git LFS"),
        (pickle.dumps([{"score": 1.0}]), "a pickle of Python"),
        (gzip.compress(pickle.dumps([1], protocol=2)), "a pickle of Python"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"<!DOCTYPE html><html>404</html>", "HTML or XML"),
        (b'<?xml version="1.0"?><annotation/>', "HTML or XML"),
        (PACKED[: len(PACKED) // 2], "cut off or damaged"),
        (PACKED[:-6] + b"\0" * 6, "cut off or damaged"),
        (b"\x1f\x8b\x08", "cut off or damaged"),
        (b"\x1f\x8bnothing", "cut off or damaged"),
        ('["a"]'.encode("utf-16")[:-1], "damaged text"),
        (codecs.BOM_UTF16_LE + b"\x00\xd8[\x00", "damaged text"),
    ],
    ids=range(15),  # of the content they would differ from process to process, since gzip notes the time
)
def test_what_is_no_such_text_is_named(tmp_path: Path, content: bytes, named: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(UserError, match=rf"a\.json.*{named}") as caught:
        read(tmp_path / "a.json")
    assert caught.value.remedy


def test_a_file_that_is_not_there_is_the_callers_business(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        read(tmp_path / "none.json")
