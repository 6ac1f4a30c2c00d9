"""Reading a large JSON file piece by piece, in memory for a piece, and telling where in the file each piece lies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from json import JSONDecodeError
from typing import Any, NamedTuple, Protocol

BLOCK = 1 << 22  # bytes read at a time
SHOWN = 24  # characters of what is no JSON
LONGEST_BREAK = 2  # a number cut off in "1e+" is read as 1, and these characters are left
_SPACE = re.compile(r"[ \t\n\r]*")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf".decode("latin-1")
_decode = json.JSONDecoder().raw_decode


class Readable(Protocol):
    """What gives at most `size` bytes more, none at the end."""

    def read(self, size: int, /) -> bytes: ...


class Piece(NamedTuple):
    """A JSON value and the bytes [start, end) of the file that hold it."""

    value: Any
    start: int
    end: int


class JSONStream:
    """The elements of the list or the members of the object in `stream`, a UTF-8 file, one after the other.

    Accepts what json.loads accepts. Raises ValueError or RecursionError where json.loads raises it; a member's own
    key may occur twice, and the caller is told of each. longest: characters of a value beyond which it is taken for
    damaged when it has not ended; without, a value may be as long as the file.

    The text is decoded as Latin-1, a byte a character, so that places in the text are places in the file; a piece
    that holds more than ASCII is decoded once more, as what it is.
    """

    def __init__(self, stream: Readable, block: int = BLOCK, longest: int | None = None) -> None:
        self._stream, self._block, self._longest = stream, block, longest
        self._text, self._position, self._offset = "", 0, 0
        while len(self._text) < len(_BYTE_ORDER_MARK) and self._more():
            pass
        if self._text.startswith(_BYTE_ORDER_MARK):
            self._position = len(_BYTE_ORDER_MARK)

    def peek(self) -> str:
        """The next character that is no space; "" at the end of the file."""
        while True:
            self._position = _SPACE.match(self._text, self._position).end()  # type: ignore[union-attr]
            if self._position < len(self._text):
                return self._text[self._position]
            if not self._more():
                return ""

    def value(self) -> Piece:
        """The next value as a whole."""
        self.peek()
        while True:
            try:
                value, end = _decode(self._text, self._position)
            except JSONDecodeError as error:
                place = error.pos - self._position
                endless = self._longest is not None and len(self._text) - self._position > self._longest
                if not endless and self._more():
                    continue
                raise self._error(f"truncated or damaged: {error.msg}", self._position + place) from error
            length = end - self._position
            if len(self._text) - end > LONGEST_BREAK or not self._more():
                break
        start = self._position  # reading on has moved it
        end = start + length
        if not self._text.isascii():
            value = json.loads(self._text[start:end].encode("latin-1"))
        self._position = end
        return Piece(value, self._offset + start, self._offset + end)

    def members(self) -> Iterator[str]:
        """The keys of the object that comes next. The caller takes the value of each before it asks for another."""
        self._take("{", "Expecting an object")
        if self.peek() == "}":
            self._position += 1
            return
        while True:
            if self.peek() != '"':
                raise self._error("Expecting property name enclosed in double quotes")
            key = self.value().value
            self._take(":", "Expecting ':' delimiter")
            yield key
            if self._take(",}", "Expecting ',' delimiter") == "}":
                return

    def elements(self) -> Iterator[Piece]:
        """The elements of the list that comes next."""
        if self.peek() not in ("[", ""):
            found = self._text[self._position : self._position + SHOWN].encode("latin-1").decode("utf-8", "replace")
            raise self._error(f"Expecting a list, found {found!r}")
        self._take("[", "Expecting a list")
        if self.peek() == "]":
            self._position += 1
            return
        while True:
            yield self.value()
            if self._take(",]", "Expecting ',' delimiter") == "]":
                return

    def end(self) -> None:
        """Nothing may follow."""
        if self.peek():
            raise self._error("Extra data")

    def _take(self, characters: str, otherwise: str) -> str:
        character = self.peek()
        if not character or character not in characters:
            raise self._error(otherwise if character else f"truncated: {otherwise}")
        self._position += 1
        return character

    def _more(self) -> bool:
        """Read on, keeping what is not used up: at least as much again, so that a long piece costs no square."""
        rest = len(self._text) - self._position
        block = self._stream.read(max(self._block, rest))
        self._text = self._text[self._position :] + block.decode("latin-1")
        self._offset += self._position
        self._position = 0
        return bool(block)

    def _error(self, message: str, position: int | None = None) -> ValueError:
        place = self._offset + (self._position if position is None else position)
        return ValueError(f"{message}: byte {place}")
