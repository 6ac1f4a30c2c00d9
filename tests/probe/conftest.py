from probe_fixtures import cache, features, planner

__all__ = ["cache", "features", "planner"]
