from compare_cases import runs

__all__ = ["runs"]
