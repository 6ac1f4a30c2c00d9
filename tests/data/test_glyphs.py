"""The embedded data set: the same bytes everywhere, LVIS's definitions, and masks that are where the glyphs are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lvis import LVIS
from PIL import Image
from pycocotools import mask as coco_mask

from lt_bench.data import glyphs
from lt_bench.data.glyphs.build import classes, is_intact, make_preset
from lt_bench.data.glyphs.font import BORDER, INK, bitmap, bordered, signature
from lt_bench.data.glyphs.plan import TRAIN, VAL, plan
from lt_bench.data.glyphs.presets import PRESETS, Preset
from lt_bench.data.glyphs.render import layout, turned
from lt_bench.errors import UserError

MINI = Preset(
    name="mini",
    groups=(2, 2, 1),
    train_images=((1, 10), (11, 30), (101, 101)),
    val_images=(2, 3, 4),
    num_train=104,
    num_val=6,
    image_size=48,
    glyph_size=(14, 22),
    num_negative=2,
    characters="AB8S?",
)
MINI_DIGEST = "d2c994b74becad50e4642a3d1a36f6b2823edb46f5d7cf2d86814265ec35b248"
GLYPHS_DIGEST = "7de3345055ec9c6e357726390614ccca7e5dec60e816713066daf41d79fe3f39"

# what a user's second process would do; the presets of the package stay as they are
SECOND_PROCESS = """
import sys
from pathlib import Path
from tests_preset import MINI
from lt_bench.data import glyphs
from lt_bench.data.glyphs.build import make_preset
print(glyphs.digest(make_preset(MINI, Path(sys.argv[1]))))
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The preset `glyphs`, made once."""
    return glyphs.make("glyphs", tmp_path_factory.mktemp("cache"))


def read(root: Path, split: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((root / "annotations" / f"lvis_v1_{split}.json").read_text())
    return document


def image_counts(annotations: Iterable[dict[str, Any]]) -> Counter[int]:
    return Counter(category for _, category in {(a["image_id"], a["category_id"]) for a in annotations})


def second_process(tmp_path: Path, cache: Path) -> subprocess.Popen[str]:
    (tmp_path / "tests_preset.py").write_text(f"from lt_bench.data.glyphs import Preset\nMINI = {MINI!r}\n")
    (tmp_path / "second.py").write_text(SECOND_PROCESS)
    command = [sys.executable, str(tmp_path / "second.py"), str(cache)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


# --- the same bytes everywhere


def test_bytes_are_those_of_every_other_machine(tmp_path: Path) -> None:
    assert glyphs.digest(make_preset(MINI, tmp_path)) == MINI_DIGEST


@pytest.mark.slow
def test_bytes_of_the_small_preset_are_those_of_every_other_machine(small: Path) -> None:
    assert glyphs.digest(small) == GLYPHS_DIGEST


def test_bytes_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    assert glyphs.digest(make_preset(MINI, tmp_path, workers=2)) == MINI_DIGEST


def test_another_seed_gives_other_bytes_in_another_folder(tmp_path: Path) -> None:
    root = make_preset(MINI, tmp_path)
    other = make_preset(replace(MINI, seed=1), tmp_path)
    assert other != root
    assert glyphs.digest(other) != glyphs.digest(root)


def test_processes_that_start_at_once_share_one_data_set(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    processes = [second_process(tmp_path, cache) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in processes] == [MINI_DIGEST] * 2
    assert [path.name for path in cache.iterdir() if path.is_dir()] == ["mini-v1-seed0"]


# --- the cache


def damage_annotation(root: Path) -> None:
    path = root / "annotations" / "lvis_v1_train.json"
    path.write_bytes(path.read_bytes()[:-100])


def damage_image(root: Path) -> None:
    path = root / "train2017" / "000000000001.bmp"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def lose_image(root: Path) -> None:
    (root / "val2017" / "000000000105.bmp").unlink()


def lose_manifest(root: Path) -> None:
    (root / "manifest.json").unlink()


def damage_manifest(root: Path) -> None:
    (root / "manifest.json").write_text('["digest"')


@pytest.mark.parametrize("damage", [damage_annotation, damage_image, lose_image, lose_manifest, damage_manifest])
def test_a_damaged_data_set_is_made_anew(tmp_path: Path, damage: Any) -> None:
    preset = replace(MINI, num_train=101)  # other bytes than MINI's, and fewer of them
    reference = glyphs.digest(make_preset(preset, tmp_path / "reference"))
    root = make_preset(preset, tmp_path / "cache")
    damage(root)
    assert not is_intact(root)
    assert make_preset(preset, tmp_path / "cache") == root
    assert is_intact(root)
    assert glyphs.digest(root) == reference
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()] == [root.name]


def test_an_intact_data_set_is_not_made_again(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    make_preset(MINI, tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(done, 110) for done in range(1, 111)]
    make_preset(MINI, tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert len(calls) == 110


def test_the_manifest_holds_the_digest_of_each_annotation_file(small: Path) -> None:
    manifest = json.loads((small / "manifest.json").read_text())
    for path, expected in manifest["annotations"].items():
        result = subprocess.run(["sha256sum", small / path], capture_output=True, text=True, check=True)
        assert result.stdout.split()[0] == expected
    assert sorted(manifest["annotations"]) == ["annotations/lvis_v1_train.json", "annotations/lvis_v1_val.json"]


def test_the_cache_folder_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: Path
) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", str(small.parent))
    assert glyphs.make("glyphs") == small


def test_an_unknown_preset_is_named_with_the_likely_one() -> None:
    with pytest.raises(UserError, match=r"'glyps'.*\n.*did you mean 'glyphs'\?.*glyphs-1203"):
        glyphs.make("glyps")


def test_a_cache_that_cannot_be_written_is_a_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="LT_BENCH_CACHE"):
        glyphs.make("glyphs", tmp_path / "file")


# --- LVIS's definitions


def test_classes_are_rare_common_and_frequent_by_the_annotations_themselves(small: Path) -> None:
    train = read(small, "train")
    images, instances = image_counts(train["annotations"]), Counter(a["category_id"] for a in train["annotations"])
    for category in train["categories"]:
        count = images[category["id"]]
        assert category["image_count"] == count
        assert category["instance_count"] == instances[category["id"]]
        assert category["frequency"] == ("r" if 1 <= count <= 10 else "c" if 11 <= count <= 100 else "f")
    assert Counter(category["frequency"] for category in train["categories"]) == {"r": 12, "c": 10, "f": 8}
    assert read(small, "val")["categories"] == train["categories"]


def test_every_class_occurs_often_enough_to_measure(small: Path) -> None:
    val = read(small, "val")
    instances = Counter(a["category_id"] for a in val["annotations"])
    negative = Counter(category for image in val["images"] for category in image["neg_category_ids"])
    for category in val["categories"]:
        assert instances[category["id"]] >= 15
        assert negative[category["id"]] >= 15


@pytest.mark.parametrize("split", ["train", "val"])
def test_federated_lists_say_what_the_annotations_say(small: Path, split: str) -> None:
    document = read(small, split)
    positive = defaultdict(set)
    for annotation in document["annotations"]:
        positive[annotation["image_id"]].add(annotation["category_id"])
    assert {image["id"] for image in document["images"]} == set(positive)
    for image in document["images"]:
        assert len(set(image["neg_category_ids"])) == 12
        assert positive[image["id"]].isdisjoint(image["neg_category_ids"])
        assert positive[image["id"]].issuperset(image["not_exhaustive_category_ids"])
    assert any(image["not_exhaustive_category_ids"] for image in document["images"])


@pytest.mark.parametrize("split", [TRAIN, VAL])
def test_federated_lists_say_what_the_image_shows(split: int) -> None:
    unlisted = 0
    for image in plan(PRESETS["glyphs"], split):
        shown = {label for label, _ in image.objects}
        positive = {label for label, annotated in image.objects if annotated}
        hidden = {label for label, annotated in image.objects if not annotated}
        assert shown.isdisjoint(image.negatives)
        assert hidden & positive == set(image.not_exhaustive)
        unlisted += len(hidden - positive)
    assert unlisted > 0


@pytest.mark.parametrize("split", ["train", "val"])
def test_the_tree_is_that_of_lvis_v1(small: Path, split: str) -> None:
    images = read(small, split)["images"]
    urls = [image["coco_url"] for image in images]
    assert all(url.startswith(f"http://images.cocodataset.org/{split}2017/") for url in urls)
    assert sorted(url.rsplit("/", 1)[1] for url in urls) == sorted(p.name for p in (small / f"{split}2017").iterdir())
    with Image.open(small / "/".join(urls[0].rsplit("/", 2)[1:])) as image:
        assert (image.mode, image.size) == ("RGB", (images[0]["width"], images[0]["height"]))


def test_ids_are_unique_over_both_splits(small: Path) -> None:
    ids = [image["id"] for split in ("train", "val") for image in read(small, split)["images"]]
    assert len(set(ids)) == len(ids) == 360


# --- masks


@pytest.mark.parametrize("split", ["train", "val"])
def test_mask_box_and_area_agree_by_pycocotools(small: Path, split: str) -> None:
    lvis = LVIS(str(small / "annotations" / f"lvis_v1_{split}.json"))
    assert len(lvis.get_img_ids()) == {"train": 240, "val": 120}[split]
    for image_id in lvis.get_img_ids():
        annotations = [lvis.anns[number] for number in lvis.get_ann_ids(img_ids=[image_id])]
        codes = [lvis.ann_to_rle(annotation) for annotation in annotations]
        for annotation, code in zip(annotations, codes, strict=True):
            assert int(coco_mask.area(code)) == annotation["area"] > 0
            assert coco_mask.toBbox(code).tolist() == annotation["bbox"]
        decoded = coco_mask.decode(codes)
        assert decoded.shape[:2] == (96, 96)
        assert decoded.sum(2).max() <= 1, "visible masks overlap"


def test_masks_lie_on_the_glyphs_that_are_painted(small: Path) -> None:
    """A pixel inside its edge a glyph has the one colour of its border, but for a grain of at most 13 levels.

    Neighbours that cover it and thin borders take their share. Masks that lie two pixels beside their glyphs find
    it in a fifth of the pixels only, so the bound is between the two.
    """
    lvis = LVIS(str(small / "annotations" / "lvis_v1_val.json"))

    def share(shift: int) -> float:
        found = []
        for image in lvis.load_imgs(lvis.get_img_ids()[:30]):
            pixels = np.asarray(Image.open(small / "/".join(image["coco_url"].rsplit("/", 2)[1:]))).astype(int)
            for number in lvis.get_ann_ids(img_ids=[image["id"]]):
                inner = eroded(np.roll(lvis.ann_to_mask(lvis.anns[number]).astype(bool), shift, axis=1))
                ring = inner & ~eroded(inner)
                colour = np.median(pixels[ring], axis=0)
                found.append((np.abs(pixels[ring] - colour).max(1) <= 30).mean())
        assert len(found) > 100
        return float(np.mean(found))

    assert share(0) >= 0.7
    assert share(2) <= 0.3


def eroded(mask: np.ndarray) -> np.ndarray:
    """The pixels of a square mask whose eight neighbours belong to it too."""
    size = len(mask)
    padded = np.pad(mask, 1)
    return np.all([padded[r : r + size, c : c + size] for r in range(3) for c in range(3)], axis=0)


def test_a_border_is_as_wide_as_it_says() -> None:
    """Border pixels are those within the radius of some ink, by exhaustive distance."""
    glyph = classes(PRESETS["glyphs"])[3]
    found = bordered(glyph, 9)
    radius = 192 * 9 // 100
    assert found.shape == tuple(side + 2 * radius for side in bitmap(glyph).shape)
    ink = np.argwhere(found == INK)
    for row, column in np.argwhere(np.ones_like(found))[::97]:
        near = int(((ink - (row, column)) ** 2).sum(1).min()) <= radius**2
        assert (found[row, column] != 0) == near


def test_every_glyph_stays_visible() -> None:
    preset = replace(PRESETS["glyphs"], min_visible=70)
    for seed in range(10):
        stamps, owner = layout(preset, classes(preset)[:9], np.random.default_rng(seed))
        for index, stamp in enumerate(stamps):
            assert int((owner == index).sum()) >= 0.7 * int(stamp.mask.sum())


@pytest.mark.parametrize("degrees", [-30, -7, 0, 20])
def test_a_turned_glyph_has_its_size_angle_and_area(degrees: int) -> None:
    bar = np.full((40, 160), BORDER, np.uint8)
    bar[10:30, 10:150] = INK
    coverage, ink = (part / 16 for part in turned(bar, 32, degrees))
    assert coverage.sum() == pytest.approx(32 * 8, rel=0.02)
    assert ink.sum() == pytest.approx(28 * 4, rel=0.03)
    y, x = np.indices(coverage.shape)
    points = np.array([x - np.average(x, weights=coverage), y - np.average(y, weights=coverage)]).reshape(2, -1)
    moments = np.cov(points, aweights=coverage.ravel(), ddof=0)
    angle = np.degrees(0.5 * np.arctan2(2 * moments[0, 1], moments[0, 0] - moments[1, 1]))
    assert angle == pytest.approx(degrees, abs=0.5)


# --- the large preset, by its plan: what a plan asks for is painted, as the tests above show on the small one


@pytest.mark.slow
def test_the_large_preset_has_the_groups_of_lvis_v1() -> None:
    preset = PRESETS["glyphs-1203"]
    images = plan(preset, TRAIN)
    count = Counter(label for image in images for label in {label for label, annotated in image.objects if annotated})
    groups = Counter("r" if n <= 10 else "c" if n <= 100 else "f" for n in count.values())
    assert groups == {"r": 337, "c": 461, "f": 405}
    assert len(images) >= 5000
    val = plan(preset, VAL)
    count = Counter(label for image in val for label in {label for label, annotated in image.objects if annotated})
    assert len(count) == 1203
    assert min(count.values()) >= 8


@pytest.mark.slow
def test_the_large_preset_has_1203_glyphs_that_differ() -> None:
    chosen = classes(PRESETS["glyphs-1203"])
    assert len({glyph.name for glyph in chosen}) == 1203
    marks = np.array([signature(bitmap(glyph)).ravel() for glyph in chosen], np.float64)
    products = marks @ marks.T  # Hamming distance of 0/1 vectors: |a| + |b| - 2 a.b
    distance = marks.sum(1)[:, None] + marks.sum(1)[None, :] - 2 * products + 1e9 * np.eye(1203)
    assert distance.min() >= 60
