"""A dumped config gives the fingerprint of its run, on any number of devices, and is never run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from experiments import resolved
from made_probe import probe_config

from lt_bench.errors import UserError
from lt_bench.leaderboard.dumped_config import LARGEST, before_fitting, config_text, is_probe, publishable, read_config
from lt_bench.leaderboard.fingerprint import fingerprint as plain_fingerprint
from lt_bench.leaderboard.fingerprint import probe_fingerprint
from lt_bench.run.batch_split import fit_to_devices
from lt_bench.run.fingerprint import fingerprint


@pytest.mark.parametrize(
    ("arguments", "devices", "per_device", "cuda"),
    [
        ({}, 1, 16, False),
        ({}, 1, 2, True),
        ({}, 4, 4, True),
        ({}, 2, 2, False),
        ({"max_iters": 100}, 2, 2, True),
        ({"max_iters": 7}, 1, 1, False),
        ({"detector": "cascade_mask_rcnn", "init": "random", "schedule": "2x"}, 8, 1, True),
        ({"recipe": "paper", "loss": "seesaw", "amp": True}, 1, 4, True),
        ({"overrides": {"optim_wrapper.optimizer.lr": 0.01, "+optim_wrapper.accumulative_counts": 3}}, 2, 4, True),
        ({"overrides": {"train_dataloader.batch_size": 8}, "exclude": (1,)}, 2, 1, False),
    ],
)
def test_the_fingerprint_comes_out_of_the_dump(
    tmp_path: Path, arguments: dict[str, Any], devices: int, per_device: int, cuda: bool
) -> None:
    cfg, digests = resolved(tmp_path, **arguments)
    expected = fingerprint(cfg, digests)
    cfg.images_per_device = per_device
    fit_to_devices(cfg, devices, cuda)
    cfg.work_dir = str(tmp_path / "work")
    if devices == 4:
        cfg.resume, cfg.load_from = True, str(tmp_path / "work" / "epoch_3.pth")
    cfg.dump(str(tmp_path / "config.py"))
    overrides = {key.removeprefix("+"): value for key, value in arguments.get("overrides", {}).items()}
    assert (
        plain_fingerprint(before_fitting(read_config(tmp_path / "config.py"), devices, overrides), digests) == expected
    )

    (tmp_path / "published.py").write_text(publishable(tmp_path / "config.py"), encoding="utf-8")
    assert str(tmp_path) not in (tmp_path / "published.py").read_text(encoding="utf-8")
    named = {f"annotations/{Path(path).name}": digest for path, digest in digests.items()}
    published = before_fitting(read_config(tmp_path / "published.py"), devices, overrides)
    assert plain_fingerprint(published, named) == expected


def test_local_weights_are_published_by_what_they_are(tmp_path: Path) -> None:
    weights = tmp_path / "mine.pth"
    weights.write_bytes(b"weights")
    cfg, digests = resolved(tmp_path, overrides={"model.backbone.init_cfg.checkpoint": str(weights)})
    expected = fingerprint(cfg, digests)
    fit_to_devices(cfg, 1, False)
    cfg.dump(str(tmp_path / "config.py"))
    (tmp_path / "published.py").write_text(publishable(tmp_path / "config.py"), encoding="utf-8")
    weights.unlink()  # on another machine
    named = {f"annotations/{Path(path).name}": digest for path, digest in digests.items()}
    published = read_config(tmp_path / "published.py")
    assert plain_fingerprint(before_fitting(published, 1, {}), named) == expected


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "a = open('x', 'w')",
        "a = dict(b=__import__('os').system('true'))",
        "a = dict(**dict())",
        "a = {**{}}",
        "a = [x for x in (1, 2)]",
        "a.b = 1",
        "a = b = 1",
        "a = (lambda: 1)()",
        "dict(a=1)",
        "def f(): pass",
        "a = f'{1}'",
        "a = " + "[" * 5000 + "]" * 5000,
        "a = \0",
    ],
)
def test_what_is_no_dumped_config_is_refused_and_not_run(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="no config of a run"):
        read_config(path)
    assert list(tmp_path.iterdir()) == [path]


def test_one_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "config.py").open("wb") as stream:
        stream.write(b"a = 1\n#")
        stream.truncate(LARGEST + 1)  # zeros, which would be refused for what they are
    with pytest.raises(UserError, match=rf"config\.py has more than {LARGEST:,} bytes"):
        read_config(tmp_path / "config.py")


def test_values_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "config.py"
    path.write_text("a = dict(b=[1, -2.5, (True, None)], c={'x-y': 'z', 3: 1e-05})\nd = 'ä'\n", encoding="utf-8")
    assert read_config(path) == {"a": {"b": [1, -2.5, (True, None)], "c": {"x-y": "z", 3: 1e-05}}, "d": "ä"}


@pytest.mark.parametrize("place", ["/home/somebody/x", "~/x", "C:\\x", "file:///x"])
def test_another_place_on_the_machine_is_not_published(tmp_path: Path, place: str) -> None:
    path = tmp_path / "config.py"
    path.write_text(f"ä = 'ü'; work_dir = '/home/somebody'\nmodel = dict(extra=[{place!r}])\n", encoding="utf-8")
    with pytest.raises(UserError, match="extra names"):
        publishable(path)
    path.write_text("ä = 'ü'; work_dir = '/home/somebody'\nmodel = dict(extra=['x'])\n", encoding="utf-8")
    assert publishable(path) == "ä = 'ü'; work_dir = 'work_dir'\nmodel = dict(extra=['x'])\n"


def test_the_config_of_a_probe_is_read_as_it_was_written(tmp_path: Path, make_record: Any) -> None:
    config = probe_config(make_record()) | {"ann_file": "/data/lvis_v1_val.json", "features_folder": "/data/features"}
    path = tmp_path / "config.py"
    path.write_text(config_text(config), encoding="utf-8")
    assert read_config(path) == config and is_probe(config)
    assert not is_probe({"model": {}})
    path.write_text(publishable(path), encoding="utf-8")
    published = read_config(path)
    assert (published["ann_file"], published["features_folder"]) == ("annotations/lvis_v1_val.json", "features")
    assert probe_fingerprint(published) == probe_fingerprint(config)


def test_the_config_of_a_probe_is_published_with_many_numbers_on_a_line(tmp_path: Path, make_record: Any) -> None:
    config = probe_config(make_record())
    config["loss"] |= {"image_count": list(range(150)), "instance_count": list(range(150))}
    path = tmp_path / "config.py"
    path.write_text("".join(f"{name} = {value!r}\n".replace(", ", ",\n ") for name, value in config.items()))
    assert path.read_text().count("\n") > 300
    path.write_text(text := publishable(path), encoding="utf-8")
    assert text.count("\n") < 50 and read_config(path) == config
    assert publishable(path) == text


@pytest.mark.parametrize("value", [float("inf"), float("nan"), object()])
def test_what_is_no_plain_value_is_no_config(value: object) -> None:
    with pytest.raises(ValueError, match="plain values"):
        config_text({"probe": {"a": value}})


def test_the_fingerprint_of_a_probe_is_of_all_but_loss_and_seed(make_record: Any) -> None:
    config = probe_config(make_record())
    found = {probe_fingerprint(config)}
    assert probe_fingerprint({**config, "seed": 7, "loss": {"loss": "other"}, "ann_file": "x"}) in found
    assert probe_fingerprint({"probe": dict(reversed(config["probe"].items()))}) in found
    for name, part in config["probe"].items():
        for key in part:
            changed = {**config["probe"], name: {**part, key: "another"}}
            found.add(probe_fingerprint({"probe": changed}))
    assert len(found) == 1 + sum(map(len, config["probe"].values()))
    for broken in ({}, {"probe": None}, {"probe": {"a": float("nan")}}, {"probe": {"a": object()}}):
        with pytest.raises((KeyError, TypeError, ValueError)):
            probe_fingerprint(broken)
