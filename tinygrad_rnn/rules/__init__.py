"""The tables of derivatives, by subject; importing this package teaches them to the tape."""

from . import arrangement, cumulative, elementwise, index, linear, matrix, products, reduce, shape

__all__ = ["arrangement", "cumulative", "elementwise", "index", "linear", "matrix", "products", "reduce", "shape"]
