"""The mmengine config layers that an experiment is composed of (see lt_bench/run/config.py)."""
