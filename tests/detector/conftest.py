from detector_fixtures import looked_at

__all__ = ["looked_at"]
