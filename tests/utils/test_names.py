from __future__ import annotations

import shlex
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lt_bench.utils.names import is_plain_name


def test_names_of_losses_and_features_are_plain() -> None:
    assert all(map(is_plain_name, ("ce", "EQLv2", "my-loss_2.1+x", "ce_0_abcdef01", "Übung")))


@given(st.text(max_size=4) | st.sampled_from(["../x", "a/b", "..", ".x", "a\n", "-x", "a b", "$(x)", "a,b", "a" * 81]))
def test_a_plain_name_is_one_word_and_stays_in_its_folder(name: str) -> None:
    if is_plain_name(name):
        assert Path("folder", name).parent == Path("folder") and name not in (".", "..", "")
        assert name.isascii() <= (shlex.quote(name) == name) and "," not in name and not name.startswith("-")
    else:
        assert name == "" or not name.isalnum() or len(name) > 80
