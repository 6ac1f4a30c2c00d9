"""Conversion behind the scenes: files in other forms are used as if they were LVIS's, through a copy in the cache."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from lt_bench.data.cache import cache_folder, mark_used
from lt_bench.data.convert.coco import NEGATIVE, lacking, refuse_nameless
from lt_bench.data.convert.coco import sources_of as coco_sources
from lt_bench.data.convert.conversion import FORMAT, convert
from lt_bench.data.convert.forms import FORMS, sources_of
from lt_bench.data.convert.options import Options
from lt_bench.data.convert.source import Source
from lt_bench.data.image_files import Split
from lt_bench.data.lvis import FOR_TRAINING, read
from lt_bench.errors import UserError
from lt_bench.utils.every import of_every
from lt_bench.utils.files import write_atomic
from lt_bench.utils.locks import locked

FOLDER, REPORT = "converted", "report.json"
UNUSED_DAYS = 90.0


@dataclass(frozen=True)
class InLVISForm:
    """paths: the files to use, those that were given if they are in LVIS's form. lines: what was changed and assumed
    on the way, empty if nothing was. why: what they lacked, in words."""

    paths: dict[Split, Path]
    lines: tuple[str, ...] = ()
    why: str = ""


def in_lvis_form(
    given: Mapping[Split, Path],
    options: Options,
    to_evaluate: bool = False,
    form: str | None = None,
    images: Path | None = None,
) -> InLVISForm:
    """The annotation files of a data set in LVIS's form.

    given: by split. form: a key of lt_bench.data.convert.forms.FORMS; all are converted together, once for the same
    content and options. None: JSON in LVIS's form or COCO's, which is converted where a file lacks a part of LVIS's
    form altogether. to_evaluate: only what evaluation on "val" needs is missed. images: their folder, for a form that
    needs their sizes; None to look beside the files.

    Raises UserError for files that can't be read or converted, and where the cache can't be written.
    """
    if form is None:
        opened = of_every(lambda path: read(path, cache_folder()), given.values())
        files = dict(zip(given, opened, strict=True))
        missed = {split: lacking(file) for split, file in files.items()}
        if to_evaluate:
            missed = {"val": [name for name in missed["val"] if name not in FOR_TRAINING]}
        if not any(missed.values()):
            return InLVISForm(dict(given))
        if not to_evaluate:
            refuse_nameless(files)
        sources = coco_sources(files)
        why = _why(given, missed)
    else:
        sources = sources_of(form, given, images)
        why = f"{' and '.join(path.name for path in given.values())}: the form is {form}"
    key = _key(sources, options, form)
    folder = cache_folder() / FOLDER / key
    # In a folder each, as both may have one name; it is the user's, as messages name the file.
    paths = {split: folder / split / path.name.removesuffix(".gz") for split, path in given.items()}
    report = folder / REPORT
    try:
        with locked(folder.with_name(f".{key}.lock")):
            lines = _reported(report, paths)
            if lines is None:
                lines = convert(sources, paths, options).lines
                write_atomic(report, [json.dumps(lines).encode()])
    except OSError as error:
        raise UserError(
            f"{folder} can't be written to: {error.strerror or error}, and annotations that are not in LVIS's form "
            "are converted there",
            "name another cache with LT_BENCH_CACHE, or write them into a folder with `lt_bench data convert`",
        ) from error
    mark_used(report)
    _drop_unused(folder.parent)
    return InLVISForm(paths, tuple(lines), why)


@contextmanager
def copies_named(given: Mapping[Path, Path]) -> Iterator[None]:
    """Within it, a UserError of a copy speaks of the file that the user has. given: by the path of its copy."""
    try:
        yield
    except UserError as error:
        for copy, path in given.items():
            error.message = error.message.replace(str(copy), str(path))
            error.remedy = error.remedy.replace(str(copy), str(path))
        error.args = (error.message,)
        raise


def _why(given: Mapping[Split, Path], missed: Mapping[Split, Sequence[str]]) -> str:
    alike = len({path.name for path in given.values()}) < len(given)
    by_fields: dict[str, list[str]] = {}
    for split, names in missed.items():
        path = given[split]
        fields = "" if NEGATIVE in names else ", ".join(name.partition(".")[2] for name in names)
        if names:
            by_fields.setdefault(fields, []).append(f"{path.parent.name}/{path.name}" if alike else path.name)
    reasons = []
    for fields, files in by_fields.items():
        several = len(files) > 1
        if fields:
            reason = f"{'lack' if several else 'lacks'} {fields} of LVIS's form"
        else:
            reason = f"{'are' if several else 'is'} in COCO's form"
        reasons.append(f"{' and '.join(files)} {reason}")
    return "; ".join(reasons)


def _drop_unused(folder: Path) -> None:
    oldest = time.time() - UNUSED_DAYS * 86400
    with suppress(OSError):
        for report in folder.glob(f"*/{REPORT}"):
            if report.stat().st_mtime < oldest:
                shutil.rmtree(report.parent, ignore_errors=True)


def _key(sources: Sequence[Source], options: Options, form: str | None) -> str:
    files = [[(path.name, digest) for path, digest in source.files.items()] for source in sources]
    inputs = [(source.split, source.name, named) for source, named in zip(sources, files, strict=True)]
    version = None if form is None else FORMS[form].version
    content = json.dumps([FORMAT, form, version, inputs, asdict(options)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _reported(report: Path, paths: Mapping[Split, Path]) -> list[str] | None:
    """What was said of an earlier conversion; None if it is not there any more. The report is written last."""
    try:
        lines = json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not all(path.is_file() for path in paths.values()):
        return None
    return [str(line) for line in lines]
