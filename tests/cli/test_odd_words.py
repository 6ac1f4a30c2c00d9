"""Whatever words a command is given, it does something or says what is wrong: exit code 0, 1 or 2, and no traceback.

Nothing is trained or measured: where a command would begin to, it ends. `make fuzz` gives each of them more words.
"""

from __future__ import annotations

import shlex
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from command_lines import KNOWN, PATHS, TEXTS, verbs, without_work, words_of, write_files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lt_bench.cli import main

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of a class without training images

VERBS = dict(verbs(main))
EACH = settings(
    max_examples=500 if settings().max_examples > 1000 else 5,  # of each verb: 10,000 in all
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the commands are given: with the files that odd paths name, and without LVIS."""
    folder = tmp_path_factory.mktemp("folder")
    write_files(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        without_work(patch)
        yield folder


def give(words: list[str]) -> None:
    given = CliRunner().invoke(main, words)
    raised = given.exception
    shown = "" if raised is None else "".join(traceback.format_exception(raised))
    assert raised is None or isinstance(raised, SystemExit), f"{shlex.join(words)!r}\n{shown}"
    assert given.exit_code in (0, 1, 2), f"{shlex.join(words)!r}: {given.exit_code}"
    assert given.exit_code != 2 or given.stderr, f"{shlex.join(words)!r} says nothing"
    assert "Traceback" not in given.output, f"{shlex.join(words)!r}\n{given.output}"


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
@EACH
@given(data=st.data())
def test_a_verb_with_odd_options(verb: tuple[str, ...], folder: Path, data: st.DataObject) -> None:
    give([*verb, *data.draw(words_of(verb, VERBS[verb]))])


@EACH
@given(words=st.lists(TEXTS | KNOWN | PATHS | st.sampled_from([word for verb in VERBS for word in verb]), max_size=5))
def test_any_words(folder: Path, words: list[str]) -> None:
    give(words)
