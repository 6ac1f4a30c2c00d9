"""JSON values out of a text stream, one after the other, without holding the whole."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, TextIO

CHUNK = 1 << 20  # characters read at a time
LONGEST_VALUE = 1 << 24  # characters; a detection has a few hundred
WHITESPACE = re.compile(r"[ \t\n\r]*")
Decoder = Callable[[str, int], tuple[Any, int]]
DECODE: Decoder = json.JSONDecoder().raw_decode  # (text, start) -> (value, end); JSONDecodeError if there is none


class JSONStream:
    """A window over a text stream that grows until one JSON value fits. Raises ValueError where there is no JSON."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._text = ""
        self._at = 0

    def _more(self) -> bool:
        rest = self._text[self._at :]
        chunk = self._stream.read(max(CHUNK, len(rest)))  # doubling: a long value is parsed a few times, not often
        self._text, self._at = rest + chunk, 0
        return bool(chunk)

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        while True:
            match = WHITESPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def skip(self) -> None:
        """Leave out the character that `peek` gave."""
        self._at += 1

    def value(self, decode: Decoder = DECODE) -> tuple[Any, str]:
        """The next value, and its text as it stands there."""
        self.peek()
        while True:
            try:
                value, end = decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if len(self._text) - self._at > LONGEST_VALUE:
                    raise ValueError(f"no JSON: {error.msg}") from error
                if not self._more():
                    raise ValueError(f"it is truncated or damaged: {error.msg}") from error
            else:
                if end == len(self._text) and self._more():  # a number may go on
                    continue
                text = self._text[self._at : end]
                self._at = end
                return value, text

    def elements(self, decode: Decoder = DECODE) -> Iterator[tuple[Any, str]]:
        """The elements of the list that comes next, each with its text."""
        yield from (self.value(decode) for _ in self._items("]"))

    def members(self) -> Iterator[str]:
        """The keys of the object that comes next. Whoever iterates must take each key's value before the next key."""
        for _ in self._items("}"):
            key, _ = self.value()
            if not isinstance(key, str) or self.peek() != ":":
                raise ValueError(f"expected a key and ':', found {str(key)[:60]!r}")
            self.skip()
            yield key

    def _items(self, end: str) -> Iterator[None]:
        """Stops at every item of a list or an object, whose reading is left to the caller."""
        self.peek()
        self.skip()
        if self.peek() == end:
            self.skip()
            return
        mark = ","
        while mark == ",":
            yield
            mark = self.peek()
            if mark not in (",", end):
                raise ValueError(f"expected ',' or {end!r}, found {mark!r}" if mark else "it is truncated")
            self.skip()
