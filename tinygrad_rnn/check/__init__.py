"""Confirm gradients by independent witnesses: tape, closed form, published transcription, complex step.

`compare_derivations()` checks all five published derivations on random instances; `compare_cases("file.json")` checks a
file of cases with expected values.
"""

from .cases import compare_cases, read_cases
from .compare import compare_derivations
from .distance import relative_error
from .instances import Instance, random_instance
from .report import TOLERANCE, CaseError, CaseResult, Report, Row
from .witness import central_differences, complex_step

__all__ = [
    "TOLERANCE",
    "CaseError",
    "CaseResult",
    "Instance",
    "Report",
    "Row",
    "central_differences",
    "compare_cases",
    "compare_derivations",
    "complex_step",
    "random_instance",
    "read_cases",
    "relative_error",
]
