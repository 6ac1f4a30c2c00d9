"""The embedded data set: glyphs of the DejaVu fonts as classes, in LVIS v1's form, made on the spot and cached."""

from lt_bench.data.glyphs.build import GENERATOR_VERSION, digest, make
from lt_bench.data.glyphs.presets import PRESETS, Preset

__all__ = ["GENERATOR_VERSION", "PRESETS", "Preset", "digest", "make"]
