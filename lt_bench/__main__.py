"""`python -m lt_bench`."""

from lt_bench.cli import main

if __name__ == "__main__":
    main(prog_name="lt_bench")
