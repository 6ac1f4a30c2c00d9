"""Command lines of any verb, sound ones and odd ones, and the files that they name."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NoReturn

import click
import pytest
from coco_form import small_set, write_set
from hypothesis import strategies as st
from made_runs import write_run
from probe_data import made_features

from lt_bench.data.cache import cache_folder
from lt_bench.sweep.job import Job, Settings, Sweep

ROOT = Path(__file__).parents[2]
RECORD = next((ROOT / "leaderboards" / "results").rglob("*.json"))
# Texts without a slash: a path that a text names lies in the folder of the test.
TEXTS = st.text(st.characters(exclude_characters="/\0", exclude_categories=()), max_size=12).map(
    lambda text: text if text not in (".", "..") else "..."
)
KNOWN = st.sampled_from(
    [
        *("ce", "seesaw", "ecm", "all", "CE", "ce,seesaw", "r50", "r101", "r50,r50", "1x", "2x", "mask_rcnn"),
        *("faster_rcnn", "glyphs", "lvis_v1", "coco_lt", "yolo", "common", "paper", "plain", "pretrained", "random"),
        *("ap", "ap,ap_fixed", "ap_boundary", "tensorboard", "30min", "500", "0h", "0,1,7", "3", "1000000", "-1"),
        *("train:missing", "name=run", "=", "a=b", "seesaw:p=0.6,0.8", "ce:p=1", "seesaw:p=", "10,100", "10"),
        *(
            "my_data",
            "norcal",
            "norcal:gamma=0.4",
            "norcal:with=probs",
            "fracal:gamma=1",
            "tau_norm:",
            "norcal:gamma=nan",
        ),
        *("model.roi_head=1", "+x.y=[1", "model.backbone.depth=18", "p=nan", "q=auto", "../../x", "$(touch x)", "a;b"),
        *("operators", "losses", "gradient", "Übung", "\udcff", "<b>", "%s", "{}", "[red]", "\x1b[31m", "a\nb"),
    ]
)
NUMBERS = st.integers().map(str) | st.sampled_from(
    ["0", "1", "-0", "1e3", "nan", "inf", "0.5", "0x10", "٣", "1_0", str(2**32), "9" * 5000, " 1", ""]
)
PATHS = st.sampled_from(
    [
        *("missing", "missing/below", "empty", "empty/", "text", "text/below", "bad.json", "record.json", "deep.json"),
        *("list.json", "run", "run/result.json", "odd.pth", "odd.parquet", "data.yaml", "sweep.toml", "bad.toml"),
        *("dangling", "loop", "Übung", "Übung/数据.json", "\udcff", ".", "./", "/dev/null", "/dev/full"),
        *("/proc/self/x", "~nobody-has-this-name/x", "n" * 300, "n/" * 2500, "-", "--", "", " ", "out.csv"),
        *("out.png", "train:record.json"),
    ]
)


TRUTH = "set/annotations/instances_val2017.json"
OWN = f"--train-annotations set/annotations/instances_train2017.json --val-annotations {TRUTH}"
# Lines without a mistake, by verb.
SOUND = {
    "run": (
        "--loss ce --dataset glyphs --dry-run",
        "--loss seesaw --dataset glyphs --max-iters 2 --work-dir new",
        f"--loss ecm {OWN} --images set --dataset-name my_data --init random --print-config",
    ),
    "sweep start": (
        "--loss ce,ecm --dataset glyphs --launcher dry-run",
        f"--loss ce {OWN} --images set --dataset-name my_data --seeds 2 --no-disk-check",
        "sweep.toml",
    ),
    "sweep logs": ("0123 --lines 3",),
    "eval": (
        f"set/found.json --annotations {TRUTH}",
        f"set/found.json --annotations {TRUTH} --as record --name x --dataset y",
    ),
    "features": ("odd.pth --out new --dataset glyphs", "runs/a --out new"),
    "probe": ("--features features --loss ce", "--features features --loss-grid seesaw:p=0.6,0.8"),
    "data check": ("set --no-images", f"{OWN} --images set --no-images"),
    "data convert": ("set --out new",),
    "compare": ("runs/a runs/b", "x=runs/a y=runs/b --json out.json"),
    "verify": ("runs/a", "runs record.json", "--all --folder board"),
    "leaderboard": ("--folder board --check", "--folder board --add runs/a", "--folder board"),
    "losses show": ("ce",),
    "check": ("ce",),
    "selftest": ("--only losses --device cpu",),
}


def write_files(folder: Path) -> None:
    """What PATHS and SOUND name."""
    write_set(folder / "set", small_set())
    found = [{"image_id": 21, "category_id": 3, "bbox": [2, 3, 16, 20], "score": 0.5}]
    (folder / "set" / "found.json").write_text(json.dumps(found), encoding="utf-8")
    for place, name in enumerate("ab"):
        write_run(folder / "runs" / name, name, seed=place)
    made_features(folder / "features", epochs=1, held_out=False)
    made = folder.resolve() / "work_dirs"
    job = Job(name="0123456789ab", label="ce", folder=made / "ce", words=("run",))
    Sweep(path=made / "sweeps" / "s", jobs=(job,), settings=Settings(launcher="local")).write()
    (folder / "board" / "results").mkdir(parents=True)
    shutil.copy(folder / "runs" / "a" / "result.json", folder / "board" / "results" / "a.json")
    run = folder / "run"
    for made in (folder / "empty", folder / "Übung", run):
        made.mkdir()
    deep = b"[" * 100_000
    contents = {
        "text": b"no JSON\n",
        "bad.json": b'{"images": [',
        "deep.json": deep,
        "list.json": b"[]",
        "record.json": RECORD.read_bytes(),
        "odd.pth": b"PK\x03\x04",
        "odd.parquet": b"PAR1",
        "data.yaml": b"train: missing\nval: missing\nnames: [a]\n",
        "sweep.toml": b'loss = ["ce"]\nseeds = [0]\nlauncher = "dry-run"\n',
        "bad.toml": b"loss = [",
        "Übung/数据.json": b'{"images": [], "annotations": [], "categories": []}',
        "run/result.json": RECORD.read_bytes(),
        "run/run.json": b"{}",
        "run/config.py": b"model = dict()\n",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    for name, target in (("dangling", "nowhere"), ("loop", "loop")):
        os.symlink(target, folder / name)


def verbs(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Each command, and the words that lead to it."""
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from verbs(below, (*words, name))
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield words, command


# Where work begins that takes long, or that changes this machine.
WORK = (
    *("lt_bench.run.pipeline.run", "lt_bench.run.seeds.run_seeds", "lt_bench.testing.suite.run_checks"),
    *("lt_bench.selftest.suite.run", "lt_bench.loss_analysis.show.measure_all", "lt_bench.probe.workers.run_all"),
    *("lt_bench.features.pipeline.make_features", "lt_bench.run.train.predict", "lt_bench.run.doctor.examine"),
    *("lt_bench.cli.sweep.launch", "lt_bench.cli.sweep_start.launch", "lt_bench.leaderboard.comparison.report.compare"),
)


def work(*arguments: object, **keywords: object) -> NoReturn:
    raise click.exceptions.Exit(0)


def without_work(monkeypatch: pytest.MonkeyPatch, but: Collection[str] = ()) -> None:
    """Commands end, with exit code 0, where they would begin to work, `but` in these. There is no LVIS."""
    monkeypatch.setenv("LT_BENCH_CACHE", str(cache_folder()))
    monkeypatch.setenv("LT_BENCH_DATA", "/nowhere")
    for name in set(WORK).difference(but):
        monkeypatch.setattr(name, work)


@st.composite
def words_of(draw: st.DrawFn, verb: tuple[str, ...], command: click.Command) -> list[str]:
    """A sound line of the command with up to three odd options, which come after and count; or only odd ones."""
    sound = draw(st.sampled_from(SOUND.get(" ".join(verb), ("",)))).split()
    if not sound or draw(st.sampled_from([False, False, False, True])):
        sound = []
        for parameter in command.params:
            if parameter.required or isinstance(parameter, click.Argument):
                for _ in range(draw(st.integers(0, 3 if parameter.nargs == -1 else 1))):
                    sound += draw(_words(parameter))
    odd = []
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    for option in draw(st.lists(st.sampled_from(options), max_size=3)) if options else ():
        odd += draw(_words(option))
    if draw(st.sampled_from([False] * 9 + [True])):
        odd.insert(draw(st.integers(0, len(odd))), draw(TEXTS | KNOWN | st.sampled_from(["--", "-h", "--no-such"])))
    return [*sound, *odd]


def _words(parameter: click.Parameter) -> st.SearchStrategy[list[str]]:
    values = _values(parameter)
    if isinstance(parameter, click.Argument):
        return values.map(lambda value: [value])
    names = st.sampled_from([*parameter.opts, *parameter.secondary_opts])
    if getattr(parameter, "is_flag", False):
        return names.map(lambda name: [name])
    return st.builds(lambda name, value: [name, value], names, values) | st.builds(
        lambda name, value: [f"{name}={value}"], names, values
    )


def _values(parameter: click.Parameter) -> st.SearchStrategy[str]:
    if isinstance(parameter.type, click.Choice):
        return st.sampled_from([*parameter.type.choices] * 3 + ["", "CPU"]) | TEXTS
    if isinstance(parameter.type, click.Path):
        return PATHS
    if parameter.type.name.startswith(("integer", "float")):
        return st.integers(1, 8).map(str) | NUMBERS
    return KNOWN | KNOWN | PATHS | TEXTS | NUMBERS
