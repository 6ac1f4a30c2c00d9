"""What the source of a plugin says of it, without importing it."""

from __future__ import annotations

import ast
import importlib.util
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any


class Undecided(Exception):
    """The source alone does not tell; the plugin must be imported."""


def read_source(entry: EntryPoint, base: str, defines: frozenset[str]) -> tuple[str, dict[str, Any]]:
    """Paper and hyper-parameters (keyword to default) of the class that an entry point names.

    base: name of the class that it must be derived from. defines: what it must define itself.
    Raises Undecided, or the error that an import would give.
    """
    spec = importlib.util.find_spec(entry.module)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {entry.module!r}")
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise Undecided
    tree = ast.parse(Path(spec.origin).read_bytes(), filename=spec.origin)
    definition: ast.ClassDef | None = None
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            _check_import(node)
        elif isinstance(node, ast.ClassDef):
            definition = node if node.name == entry.attr else definition
        elif not _only_defines(node):
            raise Undecided
    if definition is None or base not in {_last_name(one) for one in definition.bases}:
        raise Undecided
    return _read_class(definition, defines)


def _check_import(node: ast.Import | ast.ImportFrom) -> None:
    if isinstance(node, ast.ImportFrom):
        modules = [node.module] if node.level == 0 and node.module else []
    else:
        modules = [alias.name for alias in node.names]
    for module in modules:
        top = module.partition(".")[0]
        if importlib.util.find_spec(top) is None:
            raise ModuleNotFoundError(f"No module named {top!r}")


def _only_defines(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef):
        return True
    value = getattr(node, "value", None)
    return isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign) and (value is None or _is_constant(value))


def _is_constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Tuple) and all(map(_is_constant, node.elts)))


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _read_class(definition: ast.ClassDef, defines: frozenset[str]) -> tuple[str, dict[str, Any]]:
    paper, hyper_parameters, defined = "", {}, set()
    for node in definition.body:
        if isinstance(node, ast.FunctionDef):
            defined.add(node.name)
            if node.name == "__init__":
                hyper_parameters = _read_keywords(node.args)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if "paper" in {_last_name(target) for target in targets}:
                paper = str(_literal(node.value))
    if not defines <= defined:
        raise Undecided
    return paper, hyper_parameters


def _read_keywords(arguments: ast.arguments) -> dict[str, Any]:
    positional = [*arguments.posonlyargs, *arguments.args]
    padding = [None] * (len(positional) - len(arguments.defaults))
    pairs = list(zip(positional, [*padding, *arguments.defaults], strict=True))[2:]  # after self and the first argument
    pairs += list(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    return {argument.arg: None if default is None else _literal(default) for argument, default in pairs}


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise Undecided from error
