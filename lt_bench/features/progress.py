"""progress.json: how far the features in a folder have got, and what they were asked to be."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from lt_bench.errors import UserError
from lt_bench.features.layout import Counts
from lt_bench.features.manifest import SplitFacts
from lt_bench.features.store import AGAIN, PROGRESS_FILE
from lt_bench.leaderboard.schema_base import Model
from lt_bench.utils.files import write_atomic


class _Content(Model):
    request: dict[str, Any]
    counts: dict[str, Counts] = Field(default_factory=dict)
    finished: dict[str, SplitFacts] = Field(default_factory=dict)


class ProgressFile:
    """request: what the features follow from; a folder holds those of one request alone.

    Raises UserError when the folder holds features of another request, or the file is damaged.
    """

    def __init__(self, folder: Path, request: dict[str, Any]) -> None:
        self.path = folder / PROGRESS_FILE
        self._content = _Content(request=json.loads(json.dumps(request)))
        if not self.path.is_file():
            return
        try:
            earlier = _Content.model_validate_json(self.path.read_bytes())
        except (ValidationError, OSError) as error:
            raise UserError(f"{self.path} is damaged: {error}", AGAIN) from error
        if earlier.request != self._content.request:
            names = sorted({*earlier.request, *self._content.request})
            other = [name for name in names if earlier.request.get(name) != self._content.request.get(name)]
            raise UserError(f"{folder} holds features with another {', another '.join(other)}", "name another --out")
        self._content = earlier

    def counts(self, split: str) -> Counts:
        """What is committed of a split."""
        return self._content.counts.get(split, Counts(0, 0, 0, 0))

    def finished(self, split: str) -> SplitFacts | None:
        return self._content.finished.get(split)

    def commit(self, split: str, counts: Counts) -> None:
        """Note what a split's writer has brought onto the disk."""
        self._write(counts={**self._content.counts, split: counts})

    def finish(self, split: str, facts: SplitFacts) -> None:
        self._write(finished={**self._content.finished, split: facts})

    def begin(self) -> None:
        """Take the folder for this request."""
        self._write()

    def _write(self, **changes: Any) -> None:
        self._content = self._content.model_copy(update=changes)
        content = {
            "request": self._content.request,
            "counts": {split: asdict(counts) for split, counts in self._content.counts.items()},
            "finished": {split: facts.model_dump() for split, facts in self._content.finished.items()},
        }
        write_atomic(self.path, [json.dumps(content, indent=1).encode()])
