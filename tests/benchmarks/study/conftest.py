from probe_fixtures import cache, cache_folder, features

__all__ = ["cache", "cache_folder", "features"]
