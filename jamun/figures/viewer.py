"""A page with superposed MD and samples to turn and to play, in one file that needs no network."""

import base64
import gzip
import html
import json
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from jamun.data.molecule import Molecule
from jamun.figures import style
from jamun.figures.ensemble import central, load_frames, titles
from jamun.figures.threedmol import VERSION, library
from jamun.io.atomic import read_json, write_text

_SYMBOLS = {6: "C", 7: "N", 8: "O", 16: "S"}
_HERE = Path(__file__)


def viewer_page(md: np.ndarray, samples: np.ndarray, molecule: Molecule, result: dict[str, Any]) -> str:
    """HTML of the viewer for positions (F, N, 3) in angstroms of MD and of samples; `result` is their comparison.

    Raises FigureError where the two differ in their atoms, UserError where 3Dmol.js was not fetched.
    """
    if md.shape[1:] != samples.shape[1:]:
        raise style.FigureError(
            f"MD of {result['peptide']} has {md.shape[1]} atoms and the samples {samples.shape[1]}."
        )
    script, licence = library()
    both = np.concatenate([md, samples])
    ensembles = [
        {
            "title": title,
            "carbon": carbon,
            "frames": np.rint(1000 * frames).astype(int).reshape(len(frames), -1).tolist(),
        }
        for title, carbon, frames in zip(
            titles((len(md), len(samples)), result), (style.MD_CARBON, style.SAMPLES_CARBON), (md, samples), strict=True
        )
    ]
    elements = [_SYMBOLS.get(int(number), "?") for number in molecule.elements]
    atoms = list(zip(molecule.residue_labels, molecule.atom_names, strict=True))
    data = {
        "ensembles": ensembles,
        "elements": elements,
        "names": [f"{residue} {atom}" for residue, atom in atoms],
        "residues": [(place, residue) for place, (residue, atom) in enumerate(atoms) if atom == "CA"],
        "bonds": molecule.bonds.tolist(),
        "colours": style.ELEMENTS,
        # Of a ball that holds nearly every atom: an outlier need not make the others small.
        "radius": round(float(np.quantile(np.linalg.norm(both, axis=-1).max(1), 0.95)) + 0.3, 3),
        "first": central(md),
    }
    legend = [("C in MD", style.MD_CARBON), ("C in samples", style.SAMPLES_CARBON)]
    legend += [(element, colour) for element, colour in style.ELEMENTS.items() if element in elements]
    return Template(_HERE.with_suffix(".html").read_text(encoding="utf-8")).substitute(
        title=html.escape(f"{result['peptide']}: MD and samples of model {result['model']}"),
        last=max(len(md), len(samples)) - 1,
        first=data["first"],
        legend="".join(f'<span><i style="background:{colour}"></i>{name}</span>' for name, colour in legend),
        data=json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
        # A report holds a page a peptide and model: packed, the library takes a third.
        library=base64.b64encode(gzip.compress(script.encode(), mtime=0)).decode(),
        version=VERSION,
        licence=html.escape(licence),
        script=_HERE.with_suffix(".js").read_text(encoding="utf-8"),
    )


def viewer_to_files(md: Path, samples: Path, result: Path, page: Path) -> None:
    """Write the viewer of the superposed frames that evaluation chose (PDB), with its comparison (JSON)."""
    (first, molecule), (second, _) = load_frames(md), load_frames(samples)
    write_text(page, viewer_page(first, second, molecule, read_json(result)))
