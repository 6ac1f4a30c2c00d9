"""Names that files and folders are called after."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"\w[\w.+-]{0,79}")
PLAIN_WORDS = "letters, digits and . _ + - make one, up to 80 of them"


def is_plain_name(name: str) -> bool:
    """Whether a file can be called so: no name of a folder above, no separator, blank, comma or sign of a shell."""
    return _PLAIN.fullmatch(name) is not None
