"""Records on disk: one JSON file per run, in a folder that anybody may have put anything into."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from lt_bench.errors import UserError
from lt_bench.leaderboard.dumped_config import publishable
from lt_bench.leaderboard.files import evidence_path as evidence_path
from lt_bench.leaderboard.files import files_of, is_plain
from lt_bench.leaderboard.not_known import ELSEWHERE
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.seal import seal
from lt_bench.utils.files import remove_unfinished, write_atomic, write_together
from lt_bench.utils.locks import locked

LOCK = ".lock"  # in a folder of results
LARGEST = 16 << 20  # bytes; a record of LVIS's 1,203 classes has a quarter of a MiB
REMEDY = "Remove the file, or run the experiment again."
DISAMBIGUATED = re.compile(r"-[0-9a-f]{12}$")


def write(record: ResultRecord, path: Path) -> str:
    """Write the record, whole or not at all, and return the file's sha256 (hex). Equal records give equal bytes.

    A record of version 3 or later that has no seal yet is sealed. One that has keeps it, whether it holds or not.
    """
    return write_atomic(path, [_written(record)])


def sealed(record: ResultRecord) -> ResultRecord:
    """The record as it is written: with a seal, unless it is of a version that has none."""
    if record.schema_version < 3 or record.seal is not None:
        return record
    return record.model_copy(update={"seal": seal(record.model_dump(mode="json"))})


def read(path: Path) -> ResultRecord:
    """Read one record. Raises UserError that names the file and the fields when it is not a valid one."""
    try:
        content = _content(path)
        json.loads(content, object_pairs_hook=_refuse_duplicates)
        return ResultRecord.model_validate_json(content)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}", REMEDY) from error
    except ValidationError as error:
        raise UserError(f"{path}: not a valid record: {_describe(error)}", REMEDY) from error
    except RecursionError as error:
        raise UserError(f"{path}: not a valid record: nested too deeply", REMEDY) from error
    except ValueError as error:
        raise UserError(f"{path}: not a valid record: {error}", REMEDY) from error


def read_all(folder: Path) -> tuple[list[tuple[Path, ResultRecord]], list[str]]:
    """Every record below `folder`, in the order of their paths, and what is wrong with the files that are none.

    No file can keep another from being read. Links are not followed.
    """
    records: list[tuple[Path, ResultRecord]] = []
    problems: list[str] = []
    for path in _json_files(folder, problems):
        try:
            records.append((path, read(path)))
        except UserError as error:
            problems.append(error.message)
    return records, [_printable(problem) for problem in problems]


@contextmanager
def changing(results: Path) -> Iterator[None]:
    """Holds the folder `results` for this process alone, while it adds records and makes pages of them. Others wait.

    The lock is a file in it, which stays. Not to be entered twice. Raises OSError where no lock can be had.
    """
    with locked(results / LOCK):
        for folder in {temporary.parent for temporary in results.rglob(".*.part")}:
            remove_unfinished(folder, ["*"])
        remove_unfinished(results.parent, ["*.md"])
        yield


def add(source: Path, results: Path) -> Path:
    """Read the record in `source` and store it below the folder `results` under its own name; returns the path.

    A record of the same identity is replaced. Evidence, AP by class and config that lie beside it, or in its run's
    folder, come along; the config only if it names no place on this machine that nothing can stand for. Nothing is
    verified, and a seal is kept as it is. Raises UserError when `source` is not a valid record.

    What belongs to the record takes its name first and the record last, all of it complete; what the record replaced
    had and this one has not is removed after that. Whatever ends this in between leaves a record beside the files of
    another, which `verify` names, and adding it again puts right. Others may add at the same time within `changing`.
    """
    record = read(source)
    path = results / record_path(record)
    old, new = files_of(source), files_of(path)
    beside = {
        new.evidence: _bytes(old.evidence) if record.evidence else None,
        new.per_class: _bytes(old.per_class),
        new.config: _published_config(old.config),
    }
    there = {name: content for name, content in beside.items() if content is not None}
    write_together({**there, path: _written(record)})
    for name in beside:
        if name not in there:
            name.unlink(missing_ok=True)  # of the record that is replaced
    return path


def record_path(record: ResultRecord) -> PurePosixPath:
    """Where a record belongs: <dataset>/<detector>_<backbone>_<schedule>_<recipe>/<loss>_seed<k>_<identity>.json, where
    of a classifier alone the folder is decoupled_<detector>_<backbone>_<recipe>_<features>, and of predictions made
    elsewhere it is elsewhere. With a calibration, <loss>+<calibration> stands for the loss.
    """
    track = record.track
    words = [track.detector, track.backbone, track.schedule, track.recipe]
    if track.features is not None:
        words = ["decoupled", track.detector, track.backbone, track.recipe, track.features]
    if record.elsewhere is not None:
        words = [ELSEWHERE]
    setting = "_".join(map(slug, words))
    method = "+".join(slug(one.name) for one in (record.loss, record.calibration) if one is not None)
    name = f"{method}_seed{record.seed}_{record.identity()[:12]}.json"
    return PurePosixPath(slug(track.dataset), setting, name)


def slug(name: str) -> str:
    """A file name for `name`: itself if it is a plain one, else its plain characters and 12 digits of its sha256.

    Different names give different slugs, also where upper and lower case are the same; none leaves its folder.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9._-]+", "-", plain).strip(".-")[:40].rstrip(".-")
    if plain == name and not DISAMBIGUATED.search(name):
        return plain
    return f"{plain or 'x'}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _written(record: ResultRecord) -> bytes:
    text = json.dumps(sealed(record).model_dump(mode="json"), sort_keys=True, indent=1, allow_nan=False)
    return f"{text}\n".encode()


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if is_plain(path) else None


def _published_config(path: Path) -> bytes | None:
    with suppress(UserError):
        return publishable(path).encode() if is_plain(path) else None
    return None


def _json_files(folder: Path, problems: list[str]) -> list[Path]:
    def unreadable(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):  # a leaderboard without results is empty, not wrong
            problems.append(f"{error.filename}: cannot be read: {error.strerror}")

    paths: list[Path] = []
    for root, folders, files in os.walk(folder, onerror=unreadable, followlinks=False):
        paths += [Path(root, name) for name in (*folders, *files) if name.endswith(".json")]
    return sorted(paths)


def _content(path: Path) -> bytes:
    """The bytes of a regular file of bearable size. A pipe would block, a device never end, a link lead elsewhere."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is a folder" if stat.S_ISDIR(status.st_mode) else "it is not a regular file")
    if status.st_size > LARGEST:
        raise ValueError(f"it has {status.st_size:,} bytes, more than {LARGEST:,}")
    with path.open("rb") as stream:
        return stream.read(LARGEST)


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)[:60]!r} occurs twice")
    return row


def _printable(text: str) -> str:
    """File names may hold line breaks, terminal codes and bytes that are no text."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _describe(error: ValidationError) -> str:
    """The first few fields that are wrong, and how many more."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    shown = [f"{'.'.join(map(str, row['loc']))[:100] or 'record'}: {row['msg'][:200]}" for row in found[:5]]
    return "; ".join(shown) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")
