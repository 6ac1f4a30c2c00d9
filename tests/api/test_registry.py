"""Plugins: found by entry point, and a broken one harms no other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
import torch

from lt_bench import ClassStats, build_loss, list_losses
from lt_bench.api.registry import get_info, load_loss
from lt_bench.errors import PluginError, UserError

BUILT_IN = ["ce", "ecm", "eql", "eqlv2", "federated", "focal", "seesaw"]
STATS = ClassStats(image_count=[5, 50, 500], instance_count=[6, 70, 900], num_images=600)
GOOD = """
    import torch
    from lt_bench import LongTailLoss

    class Mine(LongTailLoss):
        paper = "Nobody, Nowhere"

        def __init__(self, stats, tau=1.5, *, flag: bool = True):
            super().__init__(stats)

        @property
        def num_logits(self):
            return self.num_classes + 1

        def forward(self, logits, labels):
            return torch.nn.functional.cross_entropy(logits, labels)

        def scores(self, logits):
            return logits.softmax(dim=1)
"""


class Plugins:
    """Installs throw-away distributions into a folder on sys.path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, distribution: str, entry: str, source: str | None) -> None:
        name, _, target = entry.partition("=")
        module = target.partition(":")[0]
        if source is not None:
            (self.folder / f"{module}.py").write_text(dedent(source), encoding="utf-8")
        info = self.folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[lt_bench.losses]\n{name} = {target}\n", encoding="utf-8")


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugins]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield Plugins(tmp_path)
    for module in set(sys.modules) - before:
        if getattr(sys.modules[module], "__file__", None) and str(tmp_path) in str(sys.modules[module].__file__):
            del sys.modules[module]


def check_others_work() -> None:
    usable = [info.name for info in list_losses() if info.problem is None]
    assert set(BUILT_IN) <= set(usable)
    assert build_loss("ce", STATS).num_logits == 4


def test_built_in_losses_come_from_this_distribution() -> None:
    found = {info.name: info for info in list_losses()}
    assert [name for name in found if name in BUILT_IN] == BUILT_IN
    assert all(found[name].distribution == "lt_bench" for name in BUILT_IN)
    assert found["ecm"].hyper_parameters == {"fg_bg_ratio": 6.3313, "float32_weights": False}
    assert "ECCV 2022" in found["ecm"].paper


def test_source_and_import_tell_the_same() -> None:
    assert list_losses() == list_losses(load=True)


def test_plugin_is_found_built_and_listed(plugins: Plugins) -> None:
    plugins.install("lt-mine", "mine=mine_module:Mine", GOOD)
    info = get_info("mine")
    assert (info.distribution, info.version, info.paper) == ("lt-mine", "1.2", "Nobody, Nowhere")
    assert info.hyper_parameters == {"tau": 1.5, "flag": True}
    assert "mine_module" not in sys.modules  # listing reads the source
    loss = build_loss("mine", STATS, tau=2.0)
    value = loss(torch.zeros(2, 4), torch.tensor([0, 3]))
    assert isinstance(value, torch.Tensor)
    assert value.item() == pytest.approx(torch.log(torch.tensor(4.0)).item())


def test_same_name_twice_names_both_distributions(plugins: Plugins) -> None:
    plugins.install("lt-one", "twin=one_module:Mine", GOOD)
    plugins.install("lt-two", "twin=two_module:Mine", GOOD)
    with pytest.raises(PluginError, match=r"lt-one 1\.2 and lt-two 1\.2"):
        load_loss("twin")
    check_others_work()


def test_a_plugin_can_not_replace_a_built_in_loss_silently(plugins: Plugins) -> None:
    plugins.install("lt-evil", "ecm=evil_module:Mine", GOOD)
    with pytest.raises(PluginError, match=r"registered 2 times.*lt-evil"):
        build_loss("ecm", STATS)
    assert build_loss("ce", STATS).num_logits == 4


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import a_module_that_is_not_there\n" + dedent(GOOD), "a_module_that_is_not_there"),
        ("raise RuntimeError('no licence')\n", "no licence"),
        ("def broken(:\n", "SyntaxError"),
        ("import sys\nsys.exit(3)\n", "3"),
        ("class Mine:\n    pass\n", "no subclass of lt_bench.LongTailLoss"),
        ("Mine = 3\n", "no subclass of lt_bench.LongTailLoss"),
        ("Other = 3\n", "Mine"),
        (None, "broken_module"),
        (
            "from lt_bench import LongTailLoss\nclass Mine(LongTailLoss):\n    pass\n",
            "does not define forward, num_logits, scores",
        ),
    ],
)
def test_a_broken_plugin_is_named_and_harms_no_other(plugins: Plugins, source: str | None, reason: str) -> None:
    plugins.install("lt-broken", "broken=broken_module:Mine", source)
    info = next(info for info in list_losses() if info.name == "broken")
    assert info.problem is not None
    assert reason in info.problem
    with pytest.raises(PluginError, match="lt-broken"):
        build_loss("broken", STATS)
    check_others_work()


def test_an_import_that_fails_later_is_named(plugins: Plugins) -> None:
    """The source looks fine; only importing it shows the mistake."""
    plugins.install("lt-late", "late=late_module:Mine", "from lt_bench import Nonsense\n" + dedent(GOOD))
    with pytest.raises(PluginError, match=r"lt-late.*Nonsense"):
        load_loss("late")
    assert next(info for info in list_losses(load=True) if info.name == "late").problem is not None
    check_others_work()


def test_unknown_loss_gets_a_suggestion() -> None:
    with pytest.raises(PluginError) as caught:
        build_loss("seesav", STATS)
    assert "did you mean 'seesaw'" in str(caught.value)


def test_unknown_hyper_parameter_gets_a_suggestion() -> None:
    with pytest.raises(UserError) as caught:
        build_loss("focal", STATS, gama=1.0)
    assert "did you mean 'gamma'" in str(caught.value)


@pytest.mark.parametrize(
    ("loss", "setting"),
    [("ecm", {"float32_weights": "no"}), ("federated", {"num_sample_cats": 1.5}), ("focal", {"gamma": "x"})],
)
def test_a_hyper_parameter_of_another_kind_is_refused(loss: str, setting: dict[str, object]) -> None:
    with pytest.raises(UserError, match=next(iter(setting))):
        build_loss(loss, STATS, **setting)


@pytest.mark.parametrize("name", ["../../mine", "a/b", "a b", "a,b", "$(id)", "..", "n" * 81])
def test_a_name_that_no_folder_can_have_is_refused(plugins: Plugins, name: str) -> None:
    plugins.install("odd", f"{name}=odd_name:Mine", GOOD)
    with pytest.raises(PluginError, match="is no name: letters"):
        get_info(name)
    with pytest.raises(PluginError, match="is no name: letters"):
        load_loss(name)
    check_others_work()
