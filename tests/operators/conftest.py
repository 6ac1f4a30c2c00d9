from operators_fixtures import mmcv

__all__ = ["mmcv"]
