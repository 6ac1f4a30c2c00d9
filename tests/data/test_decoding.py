"""An image's size as a detector's loader has it: mmcv's imfrombytes, which mmdet loads with, is the truth."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import mmcv
import numpy as np
import pytest
from PIL import Image

from lt_bench.data.decoding import UndecodableError, decode, silent

FORMS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 90},
    "progressive": {"format": "JPEG", "progressive": True},
    "PNG": {},
    "BMP": {},
    "TIFF": {},
    "TIFF lzw": {"format": "TIFF", "compression": "tiff_lzw"},
    "WEBP": {},
    "GIF": {},
    "PPM": {},
}
ORIENTATION = 0x0112


def encoded(width: int, height: int, form: str = "JPEG", mode: str = "RGB", orientation: int | None = None) -> bytes:
    rng = np.random.default_rng(width)
    image = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).convert(mode)
    options: dict[str, Any] = dict(FORMS.get(form, {}))
    if orientation is not None:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        options["exif"] = exif
    content = io.BytesIO()
    image.save(content, **{"format": form, **options})
    return content.getvalue()


def loaded(content: bytes) -> tuple[int, int] | None:
    pixels = mmcv.imfrombytes(content, flag="color", backend="cv2")
    return None if pixels is None else (pixels.shape[1], pixels.shape[0])


def sized(path: Path, content: bytes) -> tuple[int, int]:
    path.write_bytes(content)
    with silent():
        picture = decode(path)
    assert picture.digest == hashlib.sha256(content).hexdigest()
    return picture.width, picture.height


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(40, 40), (40, 30)])
def test_a_picture_that_is_turned_within_its_size_is_known(
    tmp_path: Path, form: str, orientation: int, size: tuple[int, int]
) -> None:
    plain, content = (encoded(*size, form, orientation=turn) for turn in (None, orientation))
    before, after = (mmcv.imfrombytes(one, flag="color", backend="cv2").astype(int) for one in (plain, content))
    turned = before.shape == after.shape and abs(before - after).mean() > 20  # noise, so all else is far from itself
    (tmp_path / "image").write_bytes(content)
    assert decode(tmp_path / "image").turned == turned


def test_a_jpeg_that_ends_in_its_header_is_refused_in_words(tmp_path: Path) -> None:
    content = encoded(40, 30)
    starts = [content[:length] for length in range(1, 200)]
    starts += [
        b"\xff\xd8" + end for end in (b"\xff\xff", b"\xff\xe0\xff", b"\xff\xe0\x00\x02\xff", b"\xff\xe0\xff\xff")
    ]
    for start in starts:
        with pytest.raises(UndecodableError, match="OpenCV can't decode it"):
            sized(tmp_path / "x.jpg", start)


@pytest.mark.parametrize("size", [(40, 30), (30, 40), (33, 40), (40, 33), (32, 32), (1, 1), (7, 300)])
@pytest.mark.parametrize("form", FORMS)
def test_the_size_is_that_of_the_loader(tmp_path: Path, form: str, size: tuple[int, int]) -> None:
    content = encoded(*size, form)
    assert sized(tmp_path / "image", content) == loaded(content) == size


@pytest.mark.parametrize("size", [(40, 30), (33, 40), (8, 300)])
@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_it_is_turned_as_the_loader_turns_it(
    tmp_path: Path, form: str, orientation: int, size: tuple[int, int]
) -> None:
    content = encoded(*size, form, orientation=orientation)
    assert sized(tmp_path / "image", content) == loaded(content)


@pytest.mark.parametrize(
    ("form", "mode"), [("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "P"), ("PNG", "I;16"), ("PNG", "1")]
)
def test_other_colours_are_loaded_as_well(tmp_path: Path, form: str, mode: str) -> None:
    if mode == "I;16":
        file = io.BytesIO()
        Image.fromarray(np.full((30, 40), 40000, dtype=np.uint16)).save(file, "PNG")
        content = file.getvalue()
    else:
        content = encoded(40, 30, form, mode)
    assert sized(tmp_path / "image", content) == loaded(content) == (40, 30)


@pytest.mark.parametrize("kept", [0.999, 0.9, 0.5, 0.1, 0.0])
@pytest.mark.parametrize("form", FORMS)
def test_what_is_cut_off_is_refused(tmp_path: Path, form: str, kept: float) -> None:
    content = encoded(64, 48, form)
    with pytest.raises(UndecodableError, match="OpenCV can't decode it"):
        sized(tmp_path / "image", content[: int(len(content) * kept)])


def test_what_pillow_alone_reads_is_refused_and_named(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(np.zeros((30, 40), dtype=np.float32)).save(file, "TIFF")
    with pytest.raises(UndecodableError, match=r"TIFF, mode F, 40 x 30, a form that it does not know"):
        sized(tmp_path / "image", file.getvalue())


@pytest.mark.parametrize("content", [b"<html>404</html>", b"\xff\xd8", b"\xff\xd8\xff\xc0", b"\xff\xd8" + b"\xff" * 99])
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UndecodableError, match="no image"):
        sized(tmp_path / "image", content)


def test_the_loaders_of_all_data_sets_use_that_decoder() -> None:
    from mmcv.transforms import LoadImageFromFile

    loader = LoadImageFromFile()
    assert (loader.imdecode_backend, loader.color_type) == ("cv2", "color")
