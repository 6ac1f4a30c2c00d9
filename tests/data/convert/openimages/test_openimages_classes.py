"""The hierarchy, against the expansion that the challenge's own tool makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openimages_form import NAMES, TREE

from lt_bench.data.convert.openimages.classes import Classes, read_classes
from lt_bench.errors import UserError

LABELS = [f"/m/0{letter}" for letter in "abcdefgh"]


def read(folder: Path, tree: Any, names: str, listed: str | None = None) -> Classes:
    for name, text in (("tree.json", json.dumps(tree)), ("names.csv", names), ("listed.txt", listed)):
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
    return read_classes(folder / "names.csv", folder / "tree.json", None if listed is None else folder / "listed.txt")


def test_the_miniature(tmp_path: Path) -> None:
    rows = "".join(f"{label},{name}\n" for label, name in NAMES.items())
    found = read(tmp_path, TREE, rows + "/m/0bl9f,Entity\n/m/0zzz,Dreams\n")
    assert found.names == tuple(NAMES.values()) and found.left_out == 2
    assert {found.names[place]: [found.names[up] for up in above] for place, above in enumerate(found.above)} == {
        "Car": ["Vehicle"], "Vehicle": [], "Taxi": ["Car", "Vehicle"], "Cat": ["Animal"], "Animal": [], "Human face": []
    }  # fmt: skip
    assert found.below[found.names.index("Vehicle")] == (0, 2)
    assert found.entries()[2] == {"id": 3, "name": "Taxi", "freebase_id": "/m/0pg52"}


nodes = st.recursive(
    st.builds(lambda label: {"LabelName": label}, st.sampled_from(LABELS)),
    lambda deeper: st.builds(
        lambda label, children, parts: {"LabelName": label, "Subcategory": children, "Part": parts},
        st.sampled_from(LABELS),
        st.lists(deeper, max_size=3),
        st.lists(deeper, max_size=1),
    ),
    max_leaves=8,
)


def way_up(node: dict[str, Any], over: tuple[str, ...], found: dict[str, set[str]]) -> None:
    """What is above each class, over all the places where it is."""
    for child in node.get("Subcategory", []):
        found.setdefault(child["LabelName"], set()).update(over)
        way_up(child, (*over, child["LabelName"]), found)


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=60)
@given(st.lists(nodes, min_size=1, max_size=3), st.permutations(LABELS))
def test_any_tree(tmp_path: Path, tree: list[dict[str, Any]], order: list[str]) -> None:
    whole = {"LabelName": "/m/0bl9f", "Subcategory": tree}
    right: dict[str, set[str]] = {}
    way_up(whole, (), right)
    found = read(tmp_path, whole, "".join(f"{label},a {label}\n" for label in order))
    for place, label in enumerate(found.labels):
        above = {found.labels[each] for each in found.above[place]}
        assert above == {each for each in right.get(label, set()) if each != label}
        assert {found.labels[each] for each in found.below[place]} == {
            other for other in found.labels if other != label and label in right.get(other, set())
        }


def test_classes_with_masks_alone_and_those_that_are_not_known(tmp_path: Path) -> None:
    rows = "LabelName,DisplayName\n" + "".join(f'{label},"{name}, a"\n' for label, name in NAMES.items())
    found = read(tmp_path, TREE, rows, "/m/0pg52\n/m/07yv9\n")
    assert found.names == ("Vehicle, a", "Taxi, a") and found.above == ((), (0,)) and found.left_out == 4
    with pytest.raises(UserError, match=r"1 classes of .*listed\.txt are not in it, e\.g\. /m/0none"):
        read(tmp_path, TREE, rows, "/m/0pg52\n/m/0none\n")
    with pytest.raises(UserError, match=r"no class of it is in .*tree\.json"):
        read(tmp_path, TREE, "/m/0none,Nothing\n")


@pytest.mark.parametrize(
    ("tree", "names", "said"),
    [
        ([], "/m/0a,b\n", r"tree\.json: '\[\]' is no class with LabelName"),
        ({"LabelName": "/m/0", "Subcategory": ["/m/0a"]}, "/m/0a,b\n", "'/m/0a' is no class with LabelName"),
        (TREE, "/m/0k4j\n", "'/m/0k4j' is not a label and a name"),
    ],
)
def test_other_forms_are_refused(tmp_path: Path, tree: Any, names: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read(tmp_path, tree, names)
    (tmp_path / "tree.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="no JSON"):
        read_classes(tmp_path / "names.csv", tmp_path / "tree.json", None)
