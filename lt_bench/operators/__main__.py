"""`python -m lt_bench.operators`: put operators into this environment and say where they are from."""

from __future__ import annotations

import os
import sys

from lt_bench.errors import UserError
from lt_bench.operators.choose import CHOICE_VARIABLE
from lt_bench.operators.install import install

if __name__ == "__main__":
    try:
        print(install(os.environ.get(CHOICE_VARIABLE, "")))
    except UserError as error:
        sys.exit(f"error: {error}")
