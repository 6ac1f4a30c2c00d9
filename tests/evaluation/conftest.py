from evaluation_fixtures import cache, lvis_api, made_set, write

__all__ = ["cache", "lvis_api", "made_set", "write"]
