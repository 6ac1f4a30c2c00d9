"""What lvis-api would leave behind: a changed numpy, a configured logger, output."""

from __future__ import annotations

import subprocess
import sys


def test_files_stay_as_they_are_and_nothing_is_said(made_set, write) -> None:
    truth, rows = made_set(0, "many")
    annotations, predictions = write("truth.json", truth), write("rows.json", rows)
    before = annotations.read_bytes(), predictions.read_bytes()
    code = (
        "import logging, sys, numpy as np\n"
        "from pathlib import Path\n"
        "from lt_bench.evaluation.ap.average_precision import evaluate\n"
        "for evaluator in ('lvis', 'vernier'):\n"
        "    for iou_type in ('bbox', 'segm'):\n"
        "        evaluate(Path(sys.argv[1]), Path(sys.argv[2]), iou_type, evaluator)\n"
        "import lvis.eval\n"
        "assert lvis.eval.np is np and not hasattr(np, 'float'), 'numpy was changed for everybody'\n"
        "assert not logging.getLogger().handlers, 'the root logger was configured'\n"
        "assert not {'torch', 'mmdet', 'mmcv', 'mmengine'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(annotations), str(predictions)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    assert (annotations.read_bytes(), predictions.read_bytes()) == before
