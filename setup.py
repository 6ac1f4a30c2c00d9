"""Packaging. losses/ is imported as lt_bench.losses, configs/ ships as lt_bench.configs."""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
LOSSES = {
    "balanced_softmax": "balanced_softmax:BalancedSoftmax",
    "bce": "bce:BinaryCrossEntropy",
    "class_balanced": "class_balanced:ClassBalanced",
    "droploss": "droploss:DropLoss",
    "gol": "gol:GOL",
    "gumbel_ce": "gumbel_ce:GumbelCrossEntropy",
    "iif": "iif:IIF",
    "logit_adjustment": "logit_adjustment:LogitAdjustment",
    "ce": "ce:CrossEntropy",
    "focal": "focal:Focal",
    "eql": "eql:EQL",
    "eqlv2": "eqlv2:EQLv2",
    "seesaw": "seesaw:Seesaw",
    "federated": "federated:Federated",
    "ecm": "ecm:ECM",
    "ldam": "ldam:LDAM",
    "efl": "efl:EFL",
    "acsl": "acsl:ACSL",
    "bags": "bags:BAGS",
    "loce": "loce:LOCE",
}
CALIBRATIONS = {
    "fracal": "fracal:FraCal",
    "logit_adjustment": "logit_adjustment:LogitAdjustment",
    "norcal": "norcal:NorCal",
    "tau_norm": "tau_norm:TauNorm",
}


class BuildWithStandIn(build_py):
    """Puts the stand-in for mmcv's operators into the wheel as mmcv/_ext.py, where any code that imports mmcv finds it.

    What mmcv has compiled is found before it. An editable installation lacks it: `lt_bench doctor` puts it there.
    """

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "mmcv", "_ext.py")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(HERE / "lt_bench" / "operators" / "stand_in.py", target)


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
    package_data={"lt_bench": ["py.typed", "**/*.csv", "**/*.cpp", "**/*.npz"], "lt_bench.configs": ["**/*.py"]},
    cmdclass={"build_py": BuildWithStandIn},
    # Ranges, for an environment that has a torch already; requirements.txt pins what the tests run with. mmcv and mmdet
    # are pinned to the series whose modules are subclassed here, and vernier to the one whose internals are called.
    install_requires=[
        "click>=8.1",
        "lvis>=0.5.3",
        "ninja",  # compiles operators where torchvision's can't be loaded
        "matplotlib>=3.7",
        "numpy>=1.26",
        "onedl-mmcv>=2.3.6,<2.4",
        "onedl-mmdetection>=3.5.1,<3.6",
        "onedl-mmengine>=0.10.12,<0.11",
        "packaging",
        "pandas>=2.1",
        "pillow>=10",
        "pyyaml>=6",
        "pyarrow>=16",
        "pycocotools>=2.0.8",
        "pydantic>=2.7",
        "rich>=13",
        "scipy>=1.11.4",  # t and noncentral t distributions
        "submitit>=1.5.2,<2",  # sweeps
        "tabulate>=0.9",
        "tomli>=2; python_version < '3.11'",
        "torch>=2.4",
        "torchvision>=0.19",  # nms and RoIAlign
        "vernier>=0.5.4,<0.6",
    ],
    extras_require={"log": ["tensorboard>=2.15", "wandb>=0.17"]},  # of `run --log`
    entry_points={
        "console_scripts": ["lt_bench = lt_bench.__main__:main"],
        "lt_bench.losses": [f"{name} = lt_bench.losses.{target}" for name, target in LOSSES.items()],
        "lt_bench.calibrations": [f"{name} = lt_bench.calibrations.{to}" for name, to in CALIBRATIONS.items()],
    },
)
