"""JSON read piece by piece: json.loads, applied to all of it, is the truth."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lt_bench.data.json_stream import JSONStream, Piece

texts = st.text(st.characters(codec="utf-8"), max_size=6)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
documents = st.dictionaries(texts, values | st.lists(values, max_size=4), max_size=4)


def read(content: bytes, block: int) -> tuple[list[tuple[str, Any]], list[Piece]]:
    """Members as json.loads would pair them, lists element by element; all pieces."""
    stream = JSONStream(io.BytesIO(content), block)
    members: list[tuple[str, Any]] = []
    pieces = []
    for key in stream.members():
        if stream.peek() == "[":
            elements = list(stream.elements())
            pieces += elements
            members.append((key, [element.value for element in elements]))
        else:
            pieces.append(stream.value())
            members.append((key, pieces[-1].value))
    stream.end()
    return members, pieces


@given(
    documents, st.integers(1, 40), st.sampled_from([None, 1]), st.booleans(), st.sampled_from([b"", b"\xef\xbb\xbf"])
)
def test_equals_json_loads_and_tells_where_each_piece_lies(
    document: dict[str, Any], block: int, indent: int | None, ascii_only: bool, mark: bytes
) -> None:
    content = mark + json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
    members, pieces = read(content, block)
    assert dict(members) == json.loads(content)
    for piece in pieces:
        assert json.loads(content[piece.start : piece.end]) == piece.value


@given(documents, st.integers(0, 200), st.binary(max_size=2), st.integers(1, 40))
def test_damage_is_refused_where_json_loads_refuses_it(
    document: dict[str, Any], place: int, rubbish: bytes, block: int
) -> None:
    content = json.dumps(document, ensure_ascii=False).encode()
    content = content[:place] + rubbish + content[place + 1 :]
    try:
        expected = json.loads(content.decode("utf-8"))
    except ValueError:
        with pytest.raises(ValueError):
            read(content, block)
        return
    if type(expected) is dict:
        assert dict(read(content, block)[0]) == expected
    else:
        with pytest.raises(ValueError, match="object"):
            read(content, block)


@pytest.mark.parametrize("number", ["12.5", "1e+5", "-1E-2", "NaN", "-Infinity", "1234567"])
def test_a_number_cut_by_a_block_is_one_number(number: str) -> None:
    content = f'{{"a": {number}, "b": [{number}]}}'.encode()
    for block in range(1, len(content)):
        assert repr(read(content, block)[0]) == repr(list(json.loads(content).items()))


def test_a_key_that_occurs_twice_is_told_twice() -> None:
    assert read(b'{"a": 1, "a": [2]}', 4)[0] == [("a", 1), ("a", [2])]


def test_an_error_names_the_byte() -> None:
    with pytest.raises(ValueError, match="byte 9"):
        read(b'{"a": 1, b}', 2)
    with pytest.raises(ValueError, match="Extra data: byte 9"):
        read(b'{"a": 1} x', 3)
