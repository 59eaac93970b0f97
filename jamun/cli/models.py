"""The command `jamun models`: the models that come with the program."""

import json
import textwrap
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from jamun.data.trained_on import TrainedOn
from jamun.io.shipped import DEFAULT_MODEL, ShippedModel, shipped_models

_WIDTH = 100


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print the complete cards as JSON.")] = False,
) -> None:
    """List the shipped models: names for `jamun sample --model`, training data, quality, limits."""
    found = shipped_models()
    if as_json:
        typer.echo(json.dumps({name: model.card for name, model in found.items()}, indent=2))
    else:
        typer.echo("\n\n".join(model_text(model) for model in found.values()))


def model_text(model: ShippedModel) -> str:
    """Name, training data, noise levels, quality and limits of a model, as its card tells them."""
    card = model.card
    head = f"{model.name} (default)" if model.name == DEFAULT_MODEL else model.name
    lines = [
        ("trained on", _trained_on(card)),
        ("range", _range(card)),
        ("noise", _noise(card)),
        ("on peptides not seen", _quality(card)),
    ]
    lines += [("limit", limit) for limit in card.get("limits", [])]
    lines.append(("file", str(model.weights)))
    return "\n".join([head, *(_line(what, said) for what, said in lines if said)])


def _line(what: str, said: str) -> str:
    return textwrap.fill(
        said, _WIDTH, initial_indent=f"  {what + ':':<22}", subsequent_indent=24 * " ", break_long_words=False
    )


def _trained_on(card: dict[str, Any]) -> str:
    """Peptides and MD of the training."""
    data = card.get("data") or {}
    md = (data.get("md") or {}).get("train") or {}
    said = f"{data.get('trained_on')} {' and '.join(data.get('forms', []))} peptides of dataset {data.get('dataset')}"
    settings: Sequence[dict[str, Any]] = md.get("settings") or []
    told = "; ".join(sorted({_physics(each) for each in settings}))
    return f"{said}; {md['ns']:g} ns of MD ({told})" if md else said


def _range(card: dict[str, Any]) -> str:
    """Molecules that are within its training."""
    trained = TrainedOn.from_card(card)
    if trained is None:
        return ""
    hands = "L or all D" if "mixed" not in trained.hands else "L, D, or both"
    solvent = f", {trained.solvent} solvent" if trained.solvent else ""
    sizes = sorted(trained.lengths)
    in_a_row = len(sizes) > 2 and sizes[-1] - sizes[0] == len(sizes) - 1
    told = f"{sizes[0]} to {sizes[-1]}" if in_a_row else " or ".join(map(str, sizes))
    return f"{' or '.join(trained.forms)} peptides of {told} residues, {hands}{solvent}"


def _physics(settings: dict[str, Any]) -> str:
    """What MD was made by, or where it was imported from."""
    if "forcefield" not in settings:
        return f"imported from {settings.get('table') or settings.get('folder')}"
    return f"{settings['forcefield']}, {settings['solvent']} solvent, {settings['temperature']:g} K"


def _noise(card: dict[str, Any]) -> str:
    """Noise levels that it was trained at."""
    training = ((card.get("settings") or {}).get("training")) or {}
    low, high = training.get("sigma_range") or (training.get("sigma"), training.get("sigma"))
    return "" if low is None else f"{low:g} nm" if low == high else f"{low:g} to {high:g} nm"


def _quality(card: dict[str, Any]) -> str:
    """The main distances to MD, of which less is better."""
    entries = {each["metric"]: each["mean"] for each in (card.get("metrics") or {}).get("entries", [])}
    words = {"js_backbone": "backbone", "js_all": "all torsions", "js_msm": "macrostates"}
    told = ", ".join(f"{word} {entries[key]:.3f}" for key, word in words.items() if key in entries)
    return f"Jensen-Shannon distance to MD: {told}" if told else ""
