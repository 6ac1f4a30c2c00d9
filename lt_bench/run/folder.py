"""The folder of a run: the names of its files, its lock, and how an earlier run in it is kept."""

from __future__ import annotations

import json
import logging
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from lt_bench.errors import UserError
from lt_bench.evaluation.evidence.layout import EVIDENCE_FILE
from lt_bench.evaluation.inputs.predictions import PREDICTIONS_FILE
from lt_bench.run.manifest import Note, RunManifest, TrainingSummary
from lt_bench.utils import checkpoint_files, stopping
from lt_bench.utils.files import remove_unfinished, sha256_of, write_atomic
from lt_bench.utils.locks import locked

logger = logging.getLogger(__name__)

AnyNote = TypeVar("AnyNote", bound=Note)


class RunFolder:
    """The files of a run, which lie in `path`. Checkpoints and mmengine's own logs are there too.

    annotations: the validation annotations, where images were left out of them. checkpoint_pointer: mmengine's file
    with the path of the last checkpoint. stop: asks the processes of a run to save and to leave.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = path / ".lock"
        self.training = path / ".training"
        self.config = path / "config.py"
        self.manifest = path / "run.json"
        self.log = path / "run.log"
        self.checkpoint_pointer = path / checkpoint_files.POINTER
        self.stop = path / stopping.STOP_FILE
        self.summary = path / "training.json"
        self.predictions = path / PREDICTIONS_FILE
        self.annotations = path / "annotations_val.json"
        self.evidence = path / EVIDENCE_FILE
        self.per_class = path / "per_class.csv"
        self.result = path / "result.json"

    def last_checkpoint(self) -> Path | None:
        """The checkpoint that was written last. It is looked for here, also after the folder was moved."""
        for listed in reversed(checkpoint_files.listed(self.path)):
            if (self.path / listed.file).is_file():
                return self.path / listed.file
        if self.checkpoint_pointer.is_file():
            named = os.fsdecode(self.checkpoint_pointer.read_bytes().strip())  # mmengine writes the locale's encoding
            checkpoint = self.path / Path(named).name
            if checkpoint.is_file():
                return checkpoint
        return next(iter(self._checkpoints()), None)

    def whole_checkpoint(self) -> Path | None:
        """The checkpoint that the run continues from: the last one, or where that is damaged, the one before."""
        if checkpoint_files.listed(self.path):
            whole = checkpoint_files.newest_whole(self.path)
            return None if whole is None else self.path / whole.file
        last = self.last_checkpoint()  # of a version that kept no list
        if last is None:
            return None
        earlier = [path for path in self._checkpoints() if _number(path) < _number(last)]
        found = next((path for path in (last, *earlier) if _is_whole(path)), None)
        if found != last:
            then = f"going on from the one before, {found.name}" if found else "there is none before it: beginning anew"
            logger.warning(f"the checkpoint {last.name} was cut off or damaged; {then}")
        return found

    def _checkpoints(self) -> list[Path]:
        """Those of training, the newest first."""
        return sorted((path for path in self.path.glob("*.pth") if _number(path) >= 0), key=_number, reverse=True)

    def is_trained(self) -> bool:
        return self.predictions.is_file() and self.summary.is_file()

    def has_evidence(self, digest: str | None) -> bool:
        """Whether the evidence with this SHA-256 is there."""
        return digest is not None and self.evidence.is_file() and sha256_of(self.evidence) == digest

    def has_results(self) -> bool:
        """Whether a run got anywhere here."""
        return self.last_checkpoint() is not None or self.result.exists() or self.predictions.exists()

    def read_manifest(self) -> RunManifest:
        """Raises UserError when it is missing, damaged, or of a loss that is not installed."""
        return _read(self.manifest, RunManifest)

    def read_summary(self) -> TrainingSummary:
        """Raises UserError when it is missing or damaged."""
        return _read(self.summary, TrainingSummary)

    def write_manifest(self, manifest: RunManifest) -> None:
        _write(self.manifest, manifest)

    def write_summary(self, summary: TrainingSummary) -> None:
        _write(self.summary, summary)

    @contextmanager
    def claimed(self, restart: bool) -> Iterator[None]:
        """Holds the folder for this process alone; with `restart`, an earlier run in it is moved aside first.

        Raises UserError when another process holds it or it can't be written, and UnicodeEncodeError when its name is
        no text in the locale's encoding: no checkpoint could be written there.
        """
        str(self.path).encode()
        if restart and self.manifest.is_file():
            self._move_aside()
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self.lock, wait=False))
            except TimeoutError as error:
                raise UserError(f"{error} runs in {self.path}", "wait for it, or choose another --work-dir") from error
            except OSError as error:
                raise UserError(
                    f"{self.path} can't be the folder of a run: {error.strerror}", "choose another --work-dir"
                ) from error
            own = (self.config, self.manifest, self.summary, self.predictions, self.annotations, self.evidence)
            names = [file.name for file in (*own, self.per_class, self.result, self.checkpoint_pointer)]
            remove_unfinished(self.path, [*names, checkpoint_files.LIST])
            yield

    def _move_aside(self) -> None:
        names = (self.path.with_name(f"{self.path.name}.old{number}") for number in range(1, 10_000))
        kept = next(path for path in names if not path.exists())
        self.path.rename(kept)
        logger.info(f"the earlier run is kept in {kept}")


def _is_whole(checkpoint: Path) -> bool:
    """Whether all parts of a checkpoint, a ZIP archive, are there and have their checksums. Reads all of it."""
    try:
        with zipfile.ZipFile(checkpoint) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError):
        return False


def _number(checkpoint: Path) -> int:
    """After how many iterations or epochs it was written; -1 for another file."""
    named = re.fullmatch(r"(?:iter|epoch)_([0-9]+)\.pth", checkpoint.name)
    return int(named[1]) if named else -1


def _read(path: Path, form: type[AnyNote]) -> AnyNote:
    try:
        return form.model_validate_json(path.read_bytes())
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, row['loc'])) or 'all of it'}: {row['msg']}" for row in error.errors())
        raise UserError(f"{path} can't be read: {wrong}", "the run is not finished: start it again") from error
    except OSError as error:
        raise UserError(f"{path} can't be read: {error}", "the run is not finished: start it again") from error


def _write(path: Path, note: Note) -> None:
    write_atomic(path, [json.dumps(note.content(), indent=2, default=list).encode()])
