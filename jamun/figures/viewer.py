"""A page with superposed MD and samples to turn and to play, in one file that needs no network."""

from __future__ import annotations

import html
import json
from pathlib import Path

import numpy as np

from jamun.data.molecule import Molecule
from jamun.figures.ensemble import ELEMENTS, MD_CARBON, SAMPLES_CARBON, central, load_frames
from jamun.figures.style import FigureError
from jamun.io.atomic import read_json, write_text

_SYMBOLS = {6: "C", 7: "N", 8: "O", 16: "S"}
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
_STYLE = """
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; background: #fff; color: #24292f; font: 14px/1.4 system-ui, sans-serif; }
body { display: flex; flex-direction: column; padding: 12px 16px; gap: 8px; }
h1 { font-size: 17px; margin: 0; }
form { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; }
label { display: inline-flex; align-items: center; gap: 6px; color: #57606a; }
select, button { font: inherit; color: inherit; background: #f6f8fa; border: 1px solid #c9d1d9; border-radius: 6px;
  padding: 3px 10px; }
button { min-width: 4.5em; cursor: pointer; }
button:hover, select:hover { background: #eaeef2; }
output { min-width: 5.5em; font-variant-numeric: tabular-nums; }
canvas { flex: 1; min-height: 0; width: 100%; cursor: grab; touch-action: none; border: 1px solid #d8dee4;
  border-radius: 8px; }
canvas:active { cursor: grabbing; }
canvas:focus-visible, button:focus-visible, select:focus-visible { outline: 2px solid #0072b2; outline-offset: 1px; }
footer { display: flex; flex-wrap: wrap; gap: 4px 16px; color: #57606a; font-size: 12px; }
i { display: inline-block; width: 16px; height: 5px; border-radius: 3px; margin-right: 5px; vertical-align: middle; }
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
<form onsubmit="return false">
<label>show <select id="layout"><option value="beside">MD beside samples</option>
<option value="over">MD and samples in one</option><option value="0">MD alone</option>
<option value="1">samples alone</option></select></label>
<label>frames <select id="frames"><option value="all">all, one of them solid</option>
<option value="one">one at a time</option></select></label>
<button id="play" type="button">Play</button>
<label>frame <input id="frame" type="range" min="0" max="{last}" value="0"><output id="number"></output></label>
<button id="reset" type="button">Reset view</button>
</form>
<canvas id="canvas" tabindex="0" role="img" aria-label="{title}: superposed frames of MD and samples in 3D">
</canvas>
<footer>{legend}<span>Drag turns, wheel zooms, shift and drag moves.</span></footer>
<script id="ensembles" type="application/json">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def viewer_page(md: np.ndarray, samples: np.ndarray, molecule: Molecule, result: dict) -> str:
    """HTML of the viewer for positions (F, N, 3) in angstroms of MD and of samples; `result` is their comparison.

    Raises FigureError where the two differ in their atoms.
    """
    if md.shape[1:] != samples.shape[1:]:
        raise FigureError(f"MD of {result['peptide']} has {md.shape[1]} atoms and the samples {samples.shape[1]}.")
    of = result["reference"]["frames"], result["samples"]["frames"]
    both = np.concatenate([md, samples])
    ensembles = [
        {
            "title": title,
            "carbon": carbon,
            "frames": np.rint(1000 * frames).astype(int).reshape(len(frames), -1).tolist(),
        }
        for title, carbon, frames in (
            (f"MD, {len(md):,} of {of[0]:,} frames", MD_CARBON, md),
            (f"JAMUN, {len(samples):,} of {of[1]:,} samples", SAMPLES_CARBON, samples),
        )
    ]
    elements = [_SYMBOLS.get(int(number), "?") for number in molecule.elements]
    data = {
        "ensembles": ensembles,
        "elements": elements,
        "bonds": molecule.bonds.tolist(),
        "colours": ELEMENTS,
        # Of a ball that holds nearly every atom: an outlier need not make the others small.
        "radius": round(float(np.quantile(np.linalg.norm(both, axis=-1).max(1), 0.95)) + 0.3, 3),
        "first": central(md),
    }
    legend = [("C in MD", MD_CARBON), ("C in samples", SAMPLES_CARBON)]
    legend += [(element, colour) for element, colour in ELEMENTS.items() if element in elements]
    return _PAGE.format(
        policy=_POLICY,
        style=_STYLE,
        title=html.escape(f"{result['peptide']}: MD and samples of model {result['model']}"),
        last=max(len(md), len(samples)) - 1,
        legend="".join(f'<span><i style="background:{colour}"></i>{name}</span>' for name, colour in legend),
        data=json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
        script=Path(__file__).with_name("viewer.js").read_text(encoding="utf-8"),
    )


def viewer_to_file(md: Path, samples: Path, result: Path, page: Path) -> None:
    """Write the viewer of the superposed frames that evaluation chose (PDB), with its comparison (JSON)."""
    (first, molecule), (second, _) = load_frames(md), load_frames(samples)
    write_text(page, viewer_page(first, second, molecule, read_json(result)))
