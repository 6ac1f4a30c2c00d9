"""Indexes in the cache: each is built once for the same content, whatever processes ask for it."""

from __future__ import annotations

import logging
from pathlib import Path

from lt_bench.data.annotation_index.building import build
from lt_bench.data.annotation_index.digest import FOLDER
from lt_bench.data.annotation_index.index import Index
from lt_bench.data.cache import drop_unused, mark_used
from lt_bench.data.columns import DamagedError, pack, unpack
from lt_bench.utils.files import write_atomic
from lt_bench.utils.locks import locked

FORMAT = 6  # part of the file's name: raise it whenever its content changes
UNUSED_DAYS = 30.0

logger = logging.getLogger(__name__)


def open_index(path: Path, digest: str, cache: Path, name: Path | None = None) -> Index:
    """The index of `path`, whose SHA-256 is `digest`, from the cache; built first when it is not there or damaged.

    name: what messages call the file.

    Of several processes that start at once one builds it. A cache that can't be written is logged, and done without.
    Raises UserError as `build` does.
    """
    stored = cache / FOLDER / f"{digest}.v{FORMAT}.index"
    index = _stored(stored)
    if index is not None:
        mark_used(stored)
        return index
    try:
        with locked(stored.with_name(f".{stored.name}.lock")):
            index = _stored(stored)  # another process may have built it meanwhile
            if index is None:
                logger.info(f"indexing {(name or path).name}, once for this content")
                index = build(path, name)
                _store(index, cache)
            return _stored(stored) or index  # mapped, so that it is shared
    except OSError as error:
        logger.warning(f"{cache} can't be used: {error}; going on without, which costs each process time and memory")
        return index or build(path, name)


def _stored(path: Path) -> Index | None:
    try:
        return Index(*unpack(path))
    except FileNotFoundError:
        return None
    except (OSError, DamagedError) as error:
        logger.warning(f"an index of annotations can't be used and is made again: {error}")
        return None


def _store(index: Index, cache: Path) -> None:
    write_atomic(cache / FOLDER / f"{index.facts['digest']}.v{FORMAT}.index", pack(index.facts, index.columns))
    drop_unused(cache / FOLDER, UNUSED_DAYS)
