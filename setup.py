"""Packaging. losses/ is imported as lt_bench.losses, configs/ ships as lt_bench.configs."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
LOSSES = {
    "ce": "ce:CrossEntropy",
    "focal": "focal:Focal",
    "eql": "eql:EQL",
    "eqlv2": "eqlv2:EQLv2",
    "seesaw": "seesaw:Seesaw",
    "federated": "federated:Federated",
    "ecm": "ecm:ECM",
}

setup(
    name="lt_bench",
    version="0.1.0",
    description="A benchmark of long-tail classification losses for instance segmentation",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10,<3.13",
    packages=[*find_packages(include=["lt_bench", "lt_bench.*"]), "lt_bench.losses", "lt_bench.configs"],
    package_dir={"lt_bench": "lt_bench", "lt_bench.losses": "losses", "lt_bench.configs": "configs"},
    package_data={"lt_bench": ["py.typed", "**/*.cpp", "**/*.csv", "**/*.npz"], "lt_bench.configs": ["**/*.py"]},
    # What is imported; requirements.txt pins versions, and tools/set_up.py installs them in the order that mmcv needs.
    install_requires=[
        "click",
        "lvis",
        "matplotlib",
        "numpy",
        "onedl-mmcv",
        "onedl-mmdetection",
        "onedl-mmengine",
        "opencv-python-headless",
        "pandas",
        "pillow",
        "pyarrow",
        "pycocotools",
        "pydantic",
        "rich",
        "tabulate",
        "torch",
        "vernier",
    ],
    entry_points={
        "console_scripts": ["lt_bench = lt_bench.__main__:main"],
        "lt_bench.losses": [f"{name} = lt_bench.losses.{target}" for name, target in LOSSES.items()],
    },
)
