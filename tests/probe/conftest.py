from probe_fixtures import cache, cache_folder, features, planner

__all__ = ["cache", "cache_folder", "features", "planner"]
