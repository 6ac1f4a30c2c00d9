"""`python -m lt_bench`."""

from lt_bench.utils import homes, streams, threads

threads.prepare()
homes.prepare()
streams.prepare()

from lt_bench.cli import main  # noqa: E402 - torch must not be loaded before

if __name__ == "__main__":
    main(prog_name="lt_bench")
