"""The tables of derivatives, by subject; importing this package teaches them to the tape."""

from . import elementwise, index, matrix, reduce, shape

__all__ = ["elementwise", "index", "matrix", "reduce", "shape"]
