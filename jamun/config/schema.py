"""The JSON schema and the reference page of the configuration, generated from the pydantic tree.

Run ``python -m jamun.config.schema`` to write docs/configuration.schema.json and docs/configuration.md.
"""

import json
import types
import typing
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from jamun.config.configuration import Configuration
from jamun.config.network import ARCHITECTURE_SETTINGS, NetworkSettings

DOCS = Path(__file__).resolve().parents[2] / "docs"


def json_schema() -> str:
    """The JSON schema of the configuration, as text; a description is one line."""

    def on_one_line(part: dict[str, Any]) -> dict[str, Any]:
        words = part.get("description")
        return part | {"description": " ".join(words.split())} if isinstance(words, str) else part

    schema = json.loads(json.dumps(Configuration.model_json_schema()), object_hook=on_one_line)
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def _type_name(annotation: Any) -> str:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _type_name(typing.get_args(annotation)[0])
    if origin is typing.Literal:
        return " \\| ".join(f"`{value}`" for value in typing.get_args(annotation))
    if origin in (typing.Union, types.UnionType):
        return " \\| ".join(_type_name(part) for part in typing.get_args(annotation))
    if origin in (list, dict):
        inner = _type_name(typing.get_args(annotation)[-1])
        return f"list of {inner}" if origin is list else f"{inner} by name"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    name: str = annotation.__name__
    return {"NoneType": "null", "float": "number", "int": "integer", "str": "string", "Any": "value"}.get(name, name)


def _extras(name: str, model: type[BaseModel]) -> tuple[str, str]:
    """Unit and range of a field, read from its JSON schema."""
    schema = model.model_json_schema()["properties"][name]
    candidates = [schema, *schema.get("anyOf", [])]
    candidates += [part["items"] for part in candidates if "items" in part]
    unit = next((part["unit"] for part in candidates if "unit" in part), "")
    signs = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
    bounds = [f"{sign} {part[key]:g}" for key, sign in signs.items() for part in candidates if key in part]
    return unit, ", ".join(bounds)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, list) and value and isinstance(value[0], BaseModel):
        return "; ".join(", ".join(f"{k}: {v}" for k, v in item.model_dump().items()) for item in value)
    if isinstance(value, dict):
        return ", ".join(value) if value else "`{}`"
    return f"`{json.dumps(value)}`"


def _words(field: FieldInfo) -> str:
    """The description, in a cell of a table."""
    return " ".join((field.description or "").split()).replace("|", "\\|")


def _sections(model: type[BaseModel], prefix: str) -> list[str]:
    lines = [f"## {prefix or 'Top level'}", "", " ".join((model.__doc__ or "").split()), ""]
    lines += ["| key | type | unit | range | default | what it is |", "|---|---|---|---|---|---|"]
    nested = []
    for name, field in model.model_fields.items():
        unit, bounds = _extras(name, model)
        cells = [f"`{name}`", _type_name(field.annotation), unit, bounds, _default(field), _words(field)]
        lines.append(f"| {' | '.join(cells)} |")
        inner = [field.annotation, *typing.get_args(field.annotation)]
        nested += [
            (part, f"{prefix}.{name}".strip("."))
            for part in inner
            if isinstance(part, type) and issubclass(part, BaseModel)
        ]
    lines.append("")
    if model is NetworkSettings:
        others = [kind for kind in ARCHITECTURE_SETTINGS.values() if kind is not model]
        nested += [(kind, f"{prefix} with architecture: {kind.name()}") for kind in others]
    for part, path in nested:
        lines += _sections(part, path)
    return lines


def reference_page() -> str:
    """The reference page of the configuration, in Markdown."""
    head = [
        "# Configuration",
        "",
        "All settings of a configuration file. The demo's `config.yaml` is an example.",
        "",
        "- A quantity is a number in the unit of the table, or text with a unit (`4 fs`, `0.004 ps`, `8.5 angstrom`).",
        "- `null` in YAML is an empty value. Unknown keys are refused.",
        "- `jamun check --config FILE` says in one sentence what is wrong with a file.",
        "",
        "This page is generated from `jamun/config` by `python -m jamun.config.schema`; do not edit it.",
        "",
    ]
    return "\n".join(head + _sections(Configuration, ""))


def main() -> None:
    """Write both files."""
    DOCS.mkdir(exist_ok=True)
    (DOCS / "configuration.schema.json").write_text(json_schema(), encoding="utf-8")
    (DOCS / "configuration.md").write_text(reference_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
