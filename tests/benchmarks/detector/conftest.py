from detector_benchmark_fixtures import one_thread, pair

__all__ = ["one_thread", "pair"]
