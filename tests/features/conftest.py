from features_fixtures import finished, stored

__all__ = ["finished", "stored"]
