"""What every section of the configuration shares: strictness, quantities with units, readable errors."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

# Factors to the first unit of each dimension; the names are those of OpenMM's unit package.
_UNITS: dict[str, dict[str, float]] = {
    "time": {"ps": 1.0, "fs": 1e-3, "ns": 1e3, "us": 1e6, "ms": 1e9},
    "wall clock": {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0},
    "length": {"nm": 1.0, "angstrom": 0.1, "A": 0.1, "pm": 1e-3},
    "temperature": {"K": 1.0},
    "pressure": {"bar": 1.0, "atm": 1.01325, "Pa": 1e-5, "kPa": 1e-2},
    "rate": {"1/ps": 1.0, "1/fs": 1e3, "1/ns": 1e-3},
    "concentration": {"M": 1.0, "mM": 1e-3, "mol/L": 1.0},
    "mass": {"amu": 1.0, "Da": 1.0, "dalton": 1.0, "g/mol": 1.0},
    "force constant": {"kJ/mol/nm^2": 1.0, "kcal/mol/A^2": 418.4},
    "energy per length": {"kJ/mol/nm": 1.0, "kcal/mol/A": 41.84},
}
_QUANTITY = re.compile(r"^\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(\S+)\s*$")


def dimension_of(unit: str) -> str:
    """The dimension that `unit` measures, e.g. ``"time"`` for ``"fs"``. Raises KeyError for an unknown unit."""
    for dimension, units in _UNITS.items():
        if unit in units:
            return dimension
    raise KeyError(unit)


def to_unit(value: Any, unit: str) -> Any:
    """`value` in `unit`: a number passes through, a string such as ``"4 fs"`` is converted.

    Raises ValueError, with a sentence, for another dimension or an unknown unit; a value that is neither a number
    nor a string passes through for pydantic to refuse.
    """
    if not isinstance(value, str):
        return value
    units = _UNITS[dimension_of(unit)]
    match = _QUANTITY.match(value)
    if match is None or match.group(2) not in units:
        raise ValueError(
            f"{value!r} is not a {dimension_of(unit)}; give a number in {unit}, or a quantity in one of "
            f"{', '.join(units)}, such as '1 {unit}'"
        )
    return float(match.group(1)) * units[match.group(2)] / units[unit]


def Quantity(unit: str, **bounds: float) -> Any:
    """A float in `unit` that also reads ``"<number> <unit>"``; `bounds` are pydantic's gt, ge, lt, le."""
    return Annotated[
        float,
        # The bounds come first: they are then the number's own, and stand in the JSON schema.
        Field(json_schema_extra={"unit": unit}, allow_inf_nan=False, **bounds),
        BeforeValidator(lambda value: to_unit(value, unit)),
    ]


class Section(BaseModel):
    """A part of the configuration: unknown keys are refused, values are frozen, no silent coercion of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, strict=False)
