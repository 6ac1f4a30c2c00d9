from functional_fixtures import no_cpu

__all__ = ["no_cpu"]
