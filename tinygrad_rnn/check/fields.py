"""Read a JSON file field by field, so that whatever is wrong in it is said in one line with its place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .report import CaseError


def load(path: Path) -> Any:
    """The value that a JSON file holds; a byte order mark before it is no part of it.

    Raises:
        CaseError: the file cannot be read, or is no JSON; one line with its name, and the place where it is known.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CaseError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise CaseError(f"{path}: is not UTF-8 text, so it is no JSON file") from None
    except json.JSONDecodeError as error:
        raise CaseError(f"{path}: line {error.lineno}, column {error.colno}: is not JSON: {error.msg}") from None
    except ValueError as error:  # a whole number of more digits than Python reads
        raise CaseError(f"{path}: is not JSON that can be read: {error}") from None
    except RecursionError:
        raise CaseError(f"{path}: is nested too deeply for a case file") from None


@dataclass(frozen=True)
class Fields:
    """An object of the file that knows where it stands, so that whatever is wrong with a field is said in one line.

    Attributes:
        where: file and case, with which every message begins.
        data: the object itself.
        prefix: the object's own name and a dot, where it is a field of another.
    """

    where: str
    data: dict[str, Any]
    prefix: str = ""

    def error(self, field: str, text: str) -> CaseError:
        """The error to raise about a field."""
        return CaseError(f"{self.where}: {self.prefix}{field}: {text}")

    def get(self, field: str) -> Any:
        """A field's value.

        Raises:
            CaseError: it is missing.
        """
        if field not in self.data:
            raise self.error(field, "is missing")
        return self.data[field]

    def inner(self, field: str) -> Fields:
        """A field that is an object.

        Raises:
            CaseError: it is missing, or something else.
        """
        value = self.get(field)
        if not isinstance(value, dict):
            raise self.error(field, f"is a {type(value).__name__}, it must be an object")
        return Fields(self.where, value, f"{self.prefix}{field}.")

    def text(self, field: str) -> str:
        """A field that is a word.

        Raises:
            CaseError: it is missing, or something else.
        """
        value = self.get(field)
        if not isinstance(value, str):
            raise self.error(field, f"is {value!r}, it must be a word")
        return value

    def whole(self, field: str) -> int:
        """A field that is a whole number.

        Raises:
            CaseError: it is missing, or something else.
        """
        value = self.get(field)
        if type(value) is not int:
            raise self.error(field, f"is {value!r}, it must be a whole number")
        return value

    def array(self, field: str, shape: tuple[int, ...] | None = None) -> Any:
        """A field that is a number or nested lists of numbers, as an array of floats.

        Raises:
            CaseError: it is missing, ragged, of another shape, or holds something that is no finite number.
        """
        value = self.get(field)
        try:
            array = np.array(value)
        except ValueError:
            raise self.error(field, "its rows are not equally long") from None
        if array.dtype.kind not in "iuf":
            raise self.error(field, "holds something that is not a number")
        if not np.isfinite(array).all():
            raise self.error(field, "holds a number that is not finite")
        if shape is not None and array.shape != shape:
            raise self.error(field, f"has shape {array.shape}, it must be {shape}")
        return array.astype(float)
