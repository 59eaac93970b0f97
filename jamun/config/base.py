"""What every section of the configuration shares: strictness, quantities with units, readable errors."""

import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from annotated_types import GroupedMetadata, Interval
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_before_validator_function

from jamun.io.text import shown

# Factors to the first unit of each dimension; the names are those of OpenMM's unit package.
_UNITS: dict[str, dict[str, float]] = {
    "time": {"ps": 1.0, "fs": 1e-3, "ns": 1e3, "us": 1e6, "ms": 1e9},
    "wall-clock time": {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0},
    "length": {"nm": 1.0, "angstrom": 0.1, "A": 0.1, "pm": 1e-3},
    "temperature": {"K": 1.0},
    "pressure": {"bar": 1.0, "atm": 1.01325, "Pa": 1e-5, "kPa": 1e-2},
    "rate": {"1/ps": 1.0, "1/fs": 1e3, "1/ns": 1e-3},
    "concentration": {"M": 1.0, "mM": 1e-3, "mol/L": 1.0},
    "mass": {"amu": 1.0, "Da": 1.0, "dalton": 1.0, "g/mol": 1.0},
    "force constant": {"kJ/mol/nm^2": 1.0, "kcal/mol/A^2": 418.4},
    "energy per length": {"kJ/mol/nm": 1.0, "kcal/mol/A": 41.84},
}
_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(\S+)\s*", re.ASCII)
_SCIENTIFIC = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+\s*", re.ASCII)
# What names a folder below results/: no separators, nothing hidden, nothing that climbs out.
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
# Seeds of random numbers, and how many there are of what is counted.
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
# Of samples, of which an ensemble needs two.
Samples = Annotated[int, Field(ge=2, le=1_000_000_000)]


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
    match = _QUANTITY.fullmatch(value)
    if match is None or match.group(2) not in units:
        raise ValueError(
            f"{shown(value)} is not a {dimension_of(unit)}; give a number in {unit}, or a quantity in one of "
            f"{', '.join(units)}, such as '1 {unit}'"
        )
    return float(match.group(1)) * units[match.group(2)] / units[unit]


@dataclass(frozen=True)
class Unit:
    """Reads ``"<number> <unit>"`` before what is annotated judges the number; the JSON schema names the unit."""

    unit: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(lambda value: to_unit(value, self.unit), handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "unit": self.unit}


@dataclass(frozen=True)
class Quantity(GroupedMetadata):
    """``Annotated[float, Quantity("nm", gt=0)]``: a float in a unit that also reads ``"<number> <unit>"``.

    unit: the unit of the number.
    gt, ge, lt, le: bounds in that unit, as pydantic names them.
    """

    unit: str
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None

    def __iter__(self) -> Iterator[object]:
        # The bounds come first: they are then the number's own, and stand in the JSON schema.
        yield Interval(gt=self.gt, ge=self.ge, lt=self.lt, le=self.le)
        yield Unit(self.unit)


def members(annotation: Any) -> list[Any]:
    """The types that `annotation` admits, null left out: one, or those of a union."""
    if typing.get_origin(annotation) is Annotated:
        return members(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [inner for part in typing.get_args(annotation) for inner in members(part) if inner is not type(None)]
    return [annotation]


def as_number(value: Any, annotation: Any) -> Any:
    """`value` as the number that it looks like, where `annotation` wants a number: YAML reads ``1e5`` as text, and
    ``1.0e+5`` as a float, where people mean an integer. Anything else passes through for pydantic to judge."""
    kinds = members(annotation)
    if len(kinds) > 1:
        return value
    (kind,) = kinds
    if typing.get_origin(kind) is list and isinstance(value, list):
        return [as_number(item, typing.get_args(kind)[0]) for item in value]
    if kind in (int, float) and isinstance(value, str) and len(value) < 40 and _SCIENTIFIC.fullmatch(value):
        value = float(value)
    if kind is int and isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


class Section(BaseModel):
    """A part of the configuration: unknown keys are refused, values are frozen and finite, types are not coerced, so
    that neither `true` nor `'8'` is a number. The text below a key is its description."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    # Keys that were called otherwise in earlier versions: the old name, and the new one.
    renamed: ClassVar[dict[str, str]] = {}

    def with_changes(self, values: Mapping[str, Any]) -> Self:
        """The same with other values of some keys. Raises ValidationError for values that are not allowed."""
        return type(self)(**{**self.model_dump(), **values})

    @model_validator(mode="before")
    @classmethod
    def _called_otherwise_now(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for old, new in cls.renamed.items():
                if old in values:
                    raise ValueError(f"{old} is called {new} now: rename it")
        return values

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_as_written(cls, value: Any, info: ValidationInfo) -> Any:
        return value if info.field_name is None else as_number(value, cls.model_fields[info.field_name].annotation)
