"""`python -m lt_bench.run.launch`: torchrun, whose processes end when the one that started them does."""

from __future__ import annotations

from torch.distributed.run import main

from lt_bench.utils.system import end_with_parent

if __name__ == "__main__":
    end_with_parent()
    main()
