"""Where the compiled library lies."""

from __future__ import annotations

import pytest

from lt_bench.operators import by_compiler


def test_another_torch_or_other_sources_have_a_library_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    before = by_compiler.library()
    assert by_compiler.library() == before
    monkeypatch.setattr(by_compiler, "mmcv_version", lambda: "2.3.7")
    assert by_compiler.library() != before
