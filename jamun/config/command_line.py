"""Values of `snakemake --config`: within a section Snakemake reads all of them as text."""

import re
from collections.abc import Mapping
from typing import Any

_INTEGER = re.compile(r"[-+]?\d{1,30}", re.ASCII)
_DECIMAL = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_WORDS = {"true": True, "false": False, "null": None, "": None}


def as_written(value: Any) -> Any:
    """Text as the number, `true`, `false` or `null` that it spells, all through lists and mappings; a sequence such as
    NO stays text, which YAML 1.1 would read as false."""
    if isinstance(value, Mapping):
        return {key: as_written(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_written(inner) for inner in value]
    if not isinstance(value, str):
        return value
    if value in _WORDS:
        return _WORDS[value]
    if _INTEGER.fullmatch(value):
        return int(value)
    return float(value) if _DECIMAL.fullmatch(value) else value


def with_types(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`config` with those of its values that were `given` on the command line read as they are written."""
    typed = dict(config)
    for key in given:
        value = typed.get(key)
        if isinstance(value, Mapping) and isinstance(given[key], Mapping):
            typed[key] = with_types(value, given[key])
        else:
            typed[key] = as_written(value)
    return typed
