"""A table of basins, for people."""

from typing import Any

from jamun.figures.style import residue_label


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def populations_table(result: dict[str, Any]) -> str:
    """What populations.json says of basins and rotamers, as text."""
    lines = [
        f"{result['peptide']}, {result['temperature_K']:g} K: {result['runs']} runs, {result['frames']:,} frames, "
        f"lag {result['lag']['lag_ps']:.3g} ps ({result['lag']['chosen']})",
        "",
        f"{'residue':8} {'basin':18} {'population (95 %)':>24} {'free energy, kJ/mol (95 %)':>30}",
    ]
    for basin in result["basins"]:
        low, high = basin["free_energy_interval_kj"]
        population = f"{_share(basin['population'])} % ({_share(basin['low'])} to {_share(basin['high'])})"
        energy = f"{basin['free_energy_kj'] + 0.0:.1f} ({low + 0.0:.1f} to {high + 0.0:.1f})"
        if basin["high"] <= 0:
            energy = "not seen"
        label = residue_label(basin["residue"], basin["place"])
        lines.append(f"{label:8} {basin['basin']:18} {population:>24} {energy:>30}")
    lines += [
        "",
        f"{'step':18} {'state':9} {'samples %':>9} {'MD %':>7} {'population %':>13} {'crossings':>10} {'time, ps':>9}",
    ]
    for step in result["steps"]:
        rows = zip(step["states"], step["samples"], step["md"], step["population"], strict=True)
        for number, (state, samples, md, population) in enumerate(rows):
            if number == 0 and len(step["states"]) == 2:
                continue
            name = f"{residue_label(step['residue'], step['place'])} {step['step']}"
            time = "" if step["timescale_ps"] is None else f"{step['timescale_ps']:.0f}"
            lines.append(
                f"{name:18} {'' if state == 'yes' else state:9} {_share(samples):>9} {_share(md):>7} "
                f"{_share(population):>13} {step['transitions']:>10.0f} {time:>9}"
            )
    held = [
        f"{residue_label(step['residue'], step['place'])} {step['step']}" for step in result["steps"] if step["one_way"]
    ]
    if held:
        lines += [
            "",
            f"Crossed one way or not at all, so held by what the samples, or the MD's frames, say: {', '.join(held)}.",
        ]
    return "\n".join(lines)
