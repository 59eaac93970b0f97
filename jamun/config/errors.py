"""What is wrong with a configuration, as one sentence that names the key."""

import datetime
import difflib
import re
import typing
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from jamun.config.base import NAME, Quantity, Unit, members
from jamun.io.log import UserError
from jamun.io.text import shown

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "string_unicode": "text of whole characters",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping of keys",
    "model_type": "a mapping of keys",
    "model_attributes_type": "a mapping of keys",
}
_SCALARS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
_NAMES = "must be 1 to 64 letters, digits, '-'{} or '_', the first a letter or a digit"
_WORD = re.compile(r"\w[\w.-]{0,63}")


class ConfigurationError(UserError):
    """A configuration that cannot be run; the message is one sentence for the user."""


def _described(annotation: Any) -> str:
    """What a value of `annotation` is, in words."""
    words = []
    for member in members(annotation):
        if typing.get_origin(member) is list:
            words.append("a list")
        else:
            words.append(_SCALARS.get(member, "a mapping of keys"))
    return " or ".join(words)


def _unit(field: FieldInfo | None) -> str:
    """The unit of a quantity, or an empty text."""
    if field is None:
        return ""
    annotated = [part for part in typing.get_args(field.annotation) if typing.get_origin(part) is Annotated]
    told = [*field.metadata, *(each for part in annotated for each in part.__metadata__)]
    return next((each.unit for each in told if isinstance(each, (Quantity, Unit))), "")


def _steps(section: type[BaseModel], location: tuple[int | str, ...]) -> Iterator[tuple[str, Any, FieldInfo | None]]:
    """For each key on the way along pydantic's `location`: the key, the type it is looked up in, and its field.

    A location also names the member of a union that was tried, and ``[key]`` for the key of a mapping: neither is one.
    """
    annotation: Any = section
    for part in location:
        if part == "[key]":
            continue
        kinds = members(annotation)
        if len(kinds) > 1:
            lists = [kind for kind in kinds if typing.get_origin(kind) is list]
            annotation = lists[0] if lists and str(part).startswith("list") else str
            continue
        (kind,) = kinds
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(part))
            annotation = Any if field is None else field.annotation
            yield str(part), kind, field
        elif typing.get_origin(kind) in (list, dict):
            annotation = typing.get_args(kind)[-1]
            yield str(part), kind, None


def _key(parts: list[str]) -> str:
    """A key as people write it, short; letters that only look like ASCII are told apart by their number."""
    key = ".".join(part if _WORD.fullmatch(part) else shown(part) for part in parts)
    foreign = next((c for part in parts for c in part if c.isprintable() and not c.isascii()), None)
    return key if foreign is None else f"{key} (with the character U+{ord(foreign):04X})"


def _hint(expected: str, value: Any) -> str:
    """What to do about a value of another type, where that is plain."""
    if value is None:
        return "; give one, or leave the key out"
    if expected == "text" and isinstance(value, (bool, int, float, datetime.date)):
        return "; put it in quotes"
    if isinstance(value, str) and expected in ("a number", "a whole number") and value.strip().isdecimal():
        return "; write it without quotes"
    return ""


def sentence(error: ValidationError, section: type[BaseModel], prefix: tuple[str, ...] = ()) -> str:
    """The first problem of a pydantic error in `section`, as one sentence; `prefix` are the keys that lead there."""
    problems = error.errors(include_url=False)
    problem = problems[0]
    steps = list(_steps(section, problem["loc"]))
    field = steps[-1][2] if steps else None
    key = _key([*prefix, *(part for part, _, _ in steps)])
    kind, value = problem["type"], problem["input"]
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(steps[-1][0][:60].lower(), steps[-1][1].model_fields, n=1)
        return f"{key} is not a known key" + (f" (did you mean {close[0]}?)" if close else "")
    if kind == "missing":
        return f"{key} is missing; it is required there"
    if kind == "invalid_key" or (kind == "string_type" and problem["loc"][-1] == "[key]"):
        return f"{key}: {shown(problem['loc'][-1] if kind == 'invalid_key' else value)} is no key; keys are words"
    if kind == "value_error":
        message = str(problem["ctx"]["error"])
        return f"{key}: {message}" if key else message
    if kind == "string_pattern_mismatch" and problem["ctx"]["pattern"].replace(".", "") == NAME:
        dot = ", '.'" if "." in problem["ctx"]["pattern"] else ""
        return f"{key}: {_NAMES.format(dot)}, not {shown(value)}"
    if kind == "string_pattern_mismatch" and field is not None and isinstance(field.default, str):
        return f"{key}: must have the form of {field.default!r}, got {shown(value)}"
    if kind in _EXPECTED:
        # Of a union that got neither of its types, every member is a problem of its own.
        expected = _EXPECTED[kind]
        if field is not None and len(members(field.annotation)) > 1:
            expected = _described(field.annotation)
        unit = _unit(field)
        return f"{key}: expected {expected}{f' in {unit}' if unit else ''}, got {shown(value)}{_hint(expected, value)}"
    message = problem["msg"].replace("Input should be", "must be")
    return f"{key}: {message[:1].lower()}{message[1:]}, got {shown(value)}"
