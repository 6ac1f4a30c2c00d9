"""Imports between the package's rooms go one way, and no two modules import each other."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"lt_bench": ROOT / "lt_bench", "lt_bench.losses": ROOT / "losses"}

_DATA = {"errors", "utils", "data"}
_EVALUATION = {*_DATA, "evaluation"}
_DETECTOR = {*_EVALUATION, "api", "functional", "operators", "detector"}
_RUN = {*_DETECTOR, "leaderboard", "run"}
# What each room may import besides itself. Imports inside functions and under TYPE_CHECKING count like any other.
MAY_IMPORT: Mapping[str, set[str]] = {
    "errors": set(),
    "utils": {"errors"},
    "data": {"errors", "utils"},
    "api": {"errors", "utils"},
    "functional": {"errors", "utils", "api"},
    "operators": {"errors", "utils", "api"},
    "losses": {"api", "functional"},
    "calibrations": {"api"},
    "testing": {"errors", "utils", "api", "functional"},  # losses through the registry
    "loss_analysis": {"errors", "utils", "api", "functional"},
    "evaluation": _DATA,
    "leaderboard": _EVALUATION,
    "detector": _DETECTOR,
    "run": _RUN,
    "features": _RUN,
    "probe": {*_RUN, "features"},
    "sweep": _RUN,
    "selftest": {*_RUN, "testing"},
    "cli": {*_RUN, "sweep", "features", "probe", "testing", "loss_analysis", "selftest", "lt_bench"},
    "lt_bench": {"api", "leaderboard"},  # lt_bench/__init__.py
    "interface": {"api"},
    "__main__": {"utils", "cli"},
}
OPENMMLAB = {"mmcv", "mmdet", "mmengine"}
KNOW_OPENMMLAB = {"detector", "run", "features", "probe", "selftest", "cli"}
# Module and room: allowed, but only when needed.
LAZY_EXCEPTIONS = {("lt_bench.api.class_stats", "data")}


@dataclass(frozen=True)
class Import:
    """importer: the module with the statement. lazy: inside a function, or for the type checker only."""

    importer: str
    imported: str
    line: int
    lazy: bool


def find_modules(packages: Mapping[str, Path]) -> dict[str, Path]:
    """Name and file of every module below the packages' folders."""
    found = {}
    for package, folder in packages.items():
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join([package, *(part for part in parts if part != "__init__")])] = path
    return found


def find_imports(modules: Mapping[str, Path]) -> list[Import]:
    found = []
    for name, path in modules.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for statement, lazy in _statements(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(statement, ast.Import):
                targets = [alias.name for alias in statement.names]
            else:
                base = importlib.util.resolve_name("." * statement.level + (statement.module or ""), package)
                full = [f"{base}.{alias.name}" for alias in statement.names]
                targets = [target if target in modules else base for target in full]
            found += [Import(name, target, statement.lineno, lazy) for target in targets]
    return found


def _statements(node: ast.AST, lazy: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, lazy
        deferred = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        deferred |= isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")
        yield from _statements(child, lazy or deferred)


def room(module: str) -> str:
    return ".".join(module.split(".")[1:2]) or module


def is_allowed(one: Import) -> bool:
    source = room(one.importer)
    top = one.imported.partition(".")[0]
    if top != "lt_bench":
        return top not in OPENMMLAB or source in KNOW_OPENMMLAB
    target = room(one.imported)
    return (
        target == source
        or target in MAY_IMPORT.get(source, set())
        or (one.lazy and (one.importer, target) in LAZY_EXCEPTIONS)
    )


def wrong_imports(packages: Mapping[str, Path]) -> list[Import]:
    return [one for one in find_imports(find_modules(packages)) if not is_allowed(one)]


def find_circle(packages: Mapping[str, Path]) -> list[str]:
    """Modules of which each imports the next when it is itself imported, or an empty list."""
    modules = find_modules(packages)
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for one in find_imports(modules):
        if not one.lazy and one.imported in modules:
            graph[one.importer].add(one.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_every_room_has_its_rule() -> None:
    assert {room(module) for module in find_modules(PACKAGES)} == set(MAY_IMPORT)


def test_imports_go_one_way() -> None:
    assert wrong_imports(PACKAGES) == []


def test_there_is_no_circle() -> None:
    assert find_circle(PACKAGES) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("data/lvis.py", "from lt_bench.evaluation.report import text"),
        ("data/lvis.py", "def read():\n    from lt_bench.api import class_stats"),
        ("data/lvis.py", "if TYPE_CHECKING:\n    import lt_bench.api.class_stats"),
        ("data/glyphs/font.py", "from ...api.class_stats import ClassStats"),
        ("api/loss.py", "from lt_bench import run"),
        ("api/class_stats.py", "import lt_bench.data.lvis"),
        ("api/registry.py", "def read():\n    import lt_bench.data.lvis"),
        ("losses/ce.py", "from lt_bench.errors import UserError"),
        ("losses/ce.py", "class CE:\n    import mmdet.models"),
        ("evaluation/metrics.py", "try:\n    from mmengine import Config\nfinally:\n    pass"),
        ("leaderboard/page.py", "import mmcv"),
        ("testing/suite.py", "from lt_bench.losses.ce import CrossEntropy"),
        ("a_new_room/module.py", "import lt_bench.errors"),
    ],
)
def test_an_arrow_that_is_turned_is_found(path: str, source: str, tmp_path: Path) -> None:
    _write(tmp_path, {"api/class_stats.py": "", "run/__init__.py": "", path: source})
    assert len(wrong_imports({"lt_bench": tmp_path})) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("api/class_stats.py", "def read():\n    import lt_bench.data.lvis"),
        ("losses/ce.py", "import torch\nfrom lt_bench.api.loss import LongTailLoss\nfrom lt_bench.functional import f"),
        ("run/train.py", "import lt_bench.detector.hooks, mmengine"),
        ("data/lvis.py", "from .columns import Columns"),
    ],
)
def test_other_imports_are_allowed(path: str, source: str, tmp_path: Path) -> None:
    _write(tmp_path, {path: source})
    assert wrong_imports({"lt_bench": tmp_path}) == []


def test_a_circle_is_found(tmp_path: Path) -> None:
    _write(tmp_path, {"data/a.py": "from lt_bench.data import b", "data/b.py": "import lt_bench.data.c"})
    _write(tmp_path, {"data/c.py": "def read():\n    import lt_bench.data.a"})
    assert find_circle({"lt_bench": tmp_path}) == []
    _write(tmp_path, {"data/c.py": "import lt_bench.data.a"})
    assert {"lt_bench.data.a", "lt_bench.data.b", "lt_bench.data.c"} == set(find_circle({"lt_bench": tmp_path}))


def _write(folder: Path, sources: Mapping[str, str]) -> None:
    for path, source in sources.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(source, encoding="utf-8")
