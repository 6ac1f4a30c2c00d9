"""What the verbs of the command line share: how mistakes and log lines are shown, and options."""

from __future__ import annotations

import errno
import logging
import math
import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TypeVar

import click

from lt_bench.errors import RunFailedError, StoppedError, UserError, did_you_mean
from lt_bench.evaluation.metrics import METRICS
from lt_bench.utils.leaving import OSExit, called, seen_to_leave
from lt_bench.utils.terminal import shown

logger = logging.getLogger(__name__)

METRICS_HELP = f"What to measure: {', '.join(metric.name for metric in METRICS)}, with commas."

Decorated = TypeVar("Decorated", bound=Callable[..., object])


class FilePath(click.Path):
    """A path, but not that of a device: /dev/zero has no end, and what is written to /dev/null is gone."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        path = super().convert(value, param, ctx)
        with suppress(OSError, ValueError):  # what it is otherwise shows where it is used
            mode = os.stat(path).st_mode
            if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
                self.fail(f"{shown(Path(os.fsdecode(path)))} is a device; name a file or a folder.", param, ctx)
        return path


PATH = FilePath()


class FiniteRange(click.FloatRange):
    """A range of numbers without nan, which lies in every range of click's, and without infinity."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


@contextmanager
def sigterm_is_ctrl_c() -> Iterator[None]:
    """SIGTERM ends a command as Ctrl-C does: in order, and with the same words. Of the main thread alone."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Group(click.Group):
    """Prints an expected mistake without a traceback and suggests the nearest verb for an unknown one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None:
            raise click.UsageError(f"there is no command {args[0]!r}; {did_you_mean(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            with seen_to_leave():
                return super().invoke(ctx)
        except UserError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(2)
        except RunFailedError as error:
            click.echo(f"failed: {error}", err=True)
            ctx.exit(1)
        except OSExit as error:
            logger.debug("where it happened:", exc_info=True)
            click.echo(f"failed: something that was loaded called {called(error)}\n-v shows where", err=True)
            ctx.exit(1)
        except StoppedError as error:
            click.echo(f"{error}\nThe same command goes on from there.", err=True)
            ctx.exit(error.code)
        except UnicodeEncodeError as error:  # of a name on disk whose bytes are no text in this locale
            if not any("\udc80" <= letter <= "\udcff" for letter in error.object):
                raise
            logger.debug("where it happened:", exc_info=True)
            click.echo(f"error: {error.object[:200]!a} is no text in the locale's encoding", err=True)
            click.echo("rename it, or set LANG to the encoding of its name, such as C.UTF-8", err=True)
            ctx.exit(2)
        except OSError as error:  # of a path that nobody looked at before; a closed pipe has none, and is click's
            if error.filename is None:
                _explain_full(error)
                ctx.exit(2)
            logger.debug("where it happened:", exc_info=True)
            place = error.filename if error.filename2 is None else error.filename2
            click.echo(f"error: {place} can't be read or written: {error.strerror}\nname another one", err=True)
            ctx.exit(2)


class _Terminal(logging.Handler):
    """Log lines on the error stream, which the command's own output does not mix with."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(self.format(record), err=True)


def _explain_full(error: OSError) -> None:
    """Say that a disk is full. Raises any other error, which is no user's."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG):
        raise error
    logger.debug("where it happened:", exc_info=True)
    click.echo(f"error: a file or the output can't be written: {error.strerror}\nmake room on its disk", err=True)


def log_to_terminal(level: int = logging.INFO) -> None:
    """Show what the package logs, once however often it is called. Other libraries' loggers stay as they are."""
    logger = logging.getLogger("lt_bench")
    logger.setLevel(level)
    logger.propagate = False
    if not any(isinstance(handler, _Terminal) for handler in logger.handlers):
        logger.addHandler(_Terminal())


def verbose(command: Decorated) -> Decorated:
    """The option -v, --verbose: details of what is done."""

    def show_details(ctx: click.Context, option: click.Parameter, asked: bool) -> None:
        if asked:
            log_to_terminal(logging.DEBUG)

    return click.option(
        "-v", "--verbose", is_flag=True, expose_value=False, callback=show_details, help="Say more of what is done."
    )(command)
