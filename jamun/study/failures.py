"""Where a model fails: torsions, basins, chiral centres and bonds over all test peptides, the worst first."""

from __future__ import annotations

from typing import Any

Records = dict[str, dict[str, Any]]


def worst_torsions(comparisons: Records, most: int) -> list[dict[str, Any]]:
    """The torsions farthest from the MD, omega included: peptide, residue, kind, `js` with its interval."""
    rows = [
        {"peptide": peptide} | {key: torsion[key] for key in ("residue", "residue_name", "kind", "js")}
        for peptide, record in comparisons.items()
        for torsion in record["torsions"]
        if torsion["js"]["value"] is not None
    ]
    return sorted(rows, key=lambda row: -row["js"]["value"])[:most]


def basins(physicality: Records) -> list[dict[str, Any]]:
    """Every basin of every residue: peptide, residue, phi and psi (radians), free energy (kcal/mol), its populations in
    MD and samples, whether a sample visits it, and how many basins the residue's peptides have in all."""
    return [
        {
            "peptide": peptide,
            "residue": residue["residue"],
            "residue_name": residue["residue_name"],
            "phi": basin["phi"],
            "psi": basin["psi"],
            "free_energy": basin["free_energy_kcal_mol"],
            "md": basin["md"]["value"],
            "samples": basin["samples"]["value"],
            "visited": basin["visited"],
        }
        for peptide, record in physicality.items()
        for residue in record["raw"]["basins"]["residues"]
        for basin in residue.get("basins", [])
    ]


def never_visited(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The basins without a sample, the most populated in the MD first."""
    return sorted((basin for basin in found if not basin["visited"]), key=lambda basin: -(basin["md"] or 0.0))


def misjudged(found: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """The basins whose populations in MD and samples are farthest apart."""
    known = [basin for basin in found if basin["md"] is not None and basin["samples"] is not None]
    return sorted(known, key=lambda basin: -abs(basin["samples"] - basin["md"]))[:most]


def inverted_centres(physicality: Records, most: int) -> list[dict[str, Any]]:
    """The stereocentres with most samples of the wrong sign, without those that have none: peptide, `label`, shares in
    samples and MD."""
    rows = [
        {
            "peptide": peptide,
            "label": centre["label"],
            "samples": centre["inverted"]["value"],
            "md": centre["inverted"]["md"]["value"],
        }
        for peptide, record in physicality.items()
        for centre in record["raw"]["centres"]
        if centre["inverted"]["value"]
    ]
    return sorted(rows, key=lambda row: -row["samples"])[:most]


def worst_bonds(physicality: Records, most: int) -> list[dict[str, Any]]:
    """The bonds whose lengths differ most from the MD's: peptide, `label`, W1, and means and standard deviations in MD
    and samples, all in nm."""
    rows = [
        {
            "peptide": peptide,
            "label": term["label"],
            "w1": term["w1"]["value"],
            **{f"{side}_{name}": term[side][name]["value"] for side in ("md", "samples") for name in ("mean", "sd")},
        }
        for peptide, record in physicality.items()
        for term in record["raw"]["bonds"]["terms"]
        if term["w1"]["value"] is not None
    ]
    return sorted(rows, key=lambda row: -row["w1"])[:most]


def broken_peptides(physicality: Records) -> list[dict[str, Any]]:
    """Each peptide's shares of broken, inverted and clashing samples, most broken first."""
    rows = [
        {"peptide": peptide}
        | {name: record["raw"]["shares"][name]["value"] for name in ("broken", "inverted", "clash")}
        for peptide, record in physicality.items()
    ]
    return sorted(rows, key=lambda row: -max(row["broken"] or 0.0, row["inverted"] or 0.0))
