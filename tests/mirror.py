"""Lists modules of lt_bench and losses that no test file is named after: `python tests/mirror.py`.

lt_bench/room/module.py is tested by tests/room/test_module.py or, as names of test files are unique, by
tests/room/test_room_module.py. A test of its whole package counts as well: tests/data/test_glyphs.py for data/glyphs/.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def without_tests(root: Path = ROOT) -> list[Path]:
    """The modules, as paths relative to `root`. A package's __init__.py needs no test of its own."""
    modules = [path.relative_to(root) for name in ("lt_bench", "losses") for path in (root / name).rglob("*.py")]
    return sorted(module for module in modules if module.stem != "__init__" and not _has_test(root / "tests", module))


def _has_test(tests: Path, module: Path) -> bool:
    parts = module.with_suffix("").parts
    parts = ("", *(parts[1:] if parts[0] == "lt_bench" else parts))
    return any(
        tests.joinpath(*path[1:-1], f"test_{name}.py").is_file()
        for path in (parts, parts[:-1])  # the module, and its package as a whole
        for name in (path[-1], "_".join(path[-2:]))
    )


if __name__ == "__main__":
    for module in without_tests():
        print(module.as_posix())
