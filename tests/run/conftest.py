from run_fixtures import small

__all__ = ["small"]
