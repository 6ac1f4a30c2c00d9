"""Which systems are supported, and what the others are told."""

from __future__ import annotations

import sys

import pytest

from lt_bench.errors import UserError
from lt_bench.utils import system


@pytest.mark.parametrize(("name", "supported"), [("linux", True), ("darwin", True), ("win32", False)])
def test_linux_and_macos_are_supported(monkeypatch: pytest.MonkeyPatch, name: str, supported: bool) -> None:
    monkeypatch.setattr(sys, "platform", name)
    assert system.is_supported() is supported
    if supported:
        system.refuse_unsupported()
    else:
        with pytest.raises(UserError, match="Windows through WSL") as caught:
            system.refuse_unsupported()
        assert "wsl --install" in caught.value.remedy


def test_wsl_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system.platform, "release", lambda: "5.15.90.1-microsoft-standard-WSL2")
    assert system.described().endswith(", WSL")
