"""Superposed samples beside superposed MD, drawn by PyMOL and labelled by Matplotlib."""

import tempfile
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jamun.config.figures import FigureSettings
from jamun.data.molecule import Molecule
from jamun.figures import style
from jamun.io.atomic import read_json

# Half the height and width of a picture beyond the outermost atoms, and the sticks' radii; in angstroms.
_MARGIN, _FAINT, _CENTRAL = 0.5, 0.055, 0.16
_OPACITY = 0.45
_PANEL_INCHES = 3.3
_FIELD_OF_VIEW = 20.0  # PyMOL's angle of view in degrees, whose tangent ties distance and scale


def load_frames(path: Path) -> tuple[np.ndarray, Molecule]:
    """Positions (F, N, 3) in angstroms and the molecule of a PDB that evaluation superposed.

    Raises FigureError for a file that is no such PDB.
    """
    try:
        loaded = mdtraj.load_pdb(str(path))
        return 10 * loaded.xyz.astype(float), Molecule.from_topology(loaded.topology)
    except (OSError, ValueError, IndexError, TypeError, KeyError) as error:
        raise style.FigureError(f"{path}: cannot be read ({error}); run the evaluation again.") from None


def central(positions: np.ndarray) -> int:
    """The frame of positions (F, N, 3) nearest to their mean."""
    return int(((positions - positions.mean(0)) ** 2).sum((1, 2)).argmin())


def extent(*ensembles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre (2,) and width and height (2,) in angstroms of a view along z that shows positions (..., N, 3) whole.

    Ensembles have outliers: up to one frame in fifty may stick out at each side.
    """
    low = np.min([np.quantile(e.min(1)[:, :2], 0.02, axis=0) for e in ensembles], axis=0)
    high = np.max([np.quantile(e.max(1)[:, :2], 0.98, axis=0) for e in ensembles], axis=0)
    return (low + high) / 2, high - low + 2 * _MARGIN


def render(pdb: Path, carbon: str, centre: np.ndarray, size: np.ndarray, pixels: int) -> np.ndarray:
    """The frames of `pdb` faint and superposed, the most central one solid, as an image (H, W, 3) on white.

    Seen along z without perspective: `centre` (2,) in the middle, `size` (2,) across and up, in angstroms; `pixels`
    across. Raises FigureError where PyMOL cannot be loaded.
    """
    try:
        import pymol2
    except ImportError as error:
        raise style.FigureError(
            f"PyMOL cannot be loaded ({error}): install the system's OpenGL library, such as libgl1 on Debian."
        ) from None
    positions, _ = load_frames(pdb)
    with pymol2.PyMOL() as pymol, tempfile.TemporaryDirectory() as folder:
        cmd = pymol.cmd
        cmd.feedback("disable", "all", "everything")
        for name, value in {
            "max_threads": 1,
            "connect_mode": 1,  # bonds as written: in a frame, atoms that are not bonded may be near each other
            "orthoscopic": 1,
            "field_of_view": _FIELD_OF_VIEW,
            "valence": 0,
            "antialias": 1,
            "ray_shadows": 0,
            "ray_trace_fog": 0,
            "depth_cue": 0,
            "specular": 0.15,
            "ambient": 0.32,
            "stick_ball": 0,
            "stick_quality": 12,
        }.items():
            cmd.set(name, value)
        cmd.bg_color("white")
        cmd.load(str(pdb), "frames")
        cmd.create("middle", "frames", central(positions) + 1, 1)
        cmd.hide("everything")
        cmd.show("sticks")
        for element, colour in (style.ELEMENTS | {"C": carbon}).items():
            cmd.set_color(f"of_{element}", [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
            cmd.color(f"of_{element}", f"elem {element}")
        distance = size[1] / 2 / np.tan(np.deg2rad(_FIELD_OF_VIEW / 2))
        depth = float(np.abs(positions[..., 2]).max()) + 5
        camera = (0, 0, -distance, *centre, 0, max(distance - depth, 0.1), distance + depth, _FIELD_OF_VIEW)
        cmd.set_view((1, 0, 0, 0, 1, 0, 0, 0, 1, *camera))
        cmd.set("ray_opaque_background", 0)
        image = np.ones((round(pixels * size[1] / size[0]), pixels, 3))
        # A layer each, so that no frame hides the middle one, and so that rays need not pass through sticks.
        for shown, other, radius, opacity in (
            ("frames", "middle", _FAINT, _OPACITY),
            ("middle", "frames", _CENTRAL, 1),
        ):
            cmd.set("stick_radius", radius)
            cmd.set("all_states", int(shown == "frames"))
            cmd.disable(other)
            cmd.enable(shown)
            picture = Path(folder) / f"{shown}.png"
            cmd.png(str(picture), width=pixels, height=image.shape[0], ray=1, quiet=1)
            layer = plt.imread(picture)
            alpha = opacity * layer[..., 3:]
            image = (1 - alpha) * image + alpha * layer[..., :3]
        return image


def titles(shown: tuple[int, int], result: dict[str, Any]) -> tuple[str, str]:
    """What stands over the frames of MD and of samples of which so many are shown; `result` is their comparison."""
    of = result["reference"]["frames"], result["samples"]["frames"]
    return f"MD, {shown[0]:,} of {of[0]:,} frames", f"{shown[1]:,} of {of[1]:,} samples"


def plot_ensemble(
    pictures: tuple[np.ndarray, np.ndarray], frames: tuple[int, int], size: np.ndarray, result: dict[str, Any]
) -> Figure:
    """MD on the left, samples on the right, to one scale.

    `pictures` are images of `size` (2,) angstroms with so many `frames`; `result` is the comparison's JSON.
    """
    width, height = _PANEL_INCHES, _PANEL_INCHES * size[1] / size[0]
    below, above, gap = 0.42, 0.56, 0.12
    figure = plt.figure(figsize=(2 * width + gap, height + below + above))
    for place, (picture, title) in enumerate(zip(pictures, titles(frames, result), strict=True)):
        panel = style.add_panel(figure, place * (width + gap), below, width, height)
        panel.imshow(picture, extent=(0, size[0], 0, size[1]), interpolation="antialiased", aspect="auto")
        panel.set_axis_off()
        panel.set_title(title)
    bar = 2.0 if size[0] < 12 else 5.0
    panel.plot([0.2, 0.2 + bar], [0.15, 0.15], color="black", linewidth=2, solid_capstyle="butt")
    panel.text(bar / 2 + 0.2, 0.25, f"{bar:g} Å", ha="center", va="bottom", fontsize=8)
    inches = figure.get_size_inches()
    colours = (("C, MD", style.MD_CARBON), ("C, samples", style.SAMPLES_CARBON), *style.ELEMENTS.items())
    present = set(result.get("elements", style.ELEMENTS)) | {"C, MD", "C, samples"}
    handles = [
        Line2D([], [], color=colour, linewidth=4, solid_capstyle="round", label=name)
        for name, colour in colours
        if name in present
    ]
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=len(handles),
        bbox_to_anchor=(0.5, 0.06 / inches[1]),
        handlelength=1.2,
    )
    style.headline(figure, f"{result['peptide']}: superposed conformations, model {result['model']}")
    return figure


def draw_ensemble(md: Path, samples: Path, result: Path, settings: FigureSettings) -> Figure:
    """The superposed frames that evaluation chose (PDB), with its comparison (JSON)."""
    (first, molecule), (second, _) = load_frames(md), load_frames(samples)
    centre, size = extent(first, second)
    pixels = round(_PANEL_INCHES * max(settings.dpi, 200))
    pictures = (
        render(md, style.MD_CARBON, centre, size, pixels),
        render(samples, style.SAMPLES_CARBON, centre, size, pixels),
    )
    symbols = {7: "N", 8: "O", 16: "S"}
    elements = [symbols[number] for number in np.unique(molecule.elements) if number in symbols]
    return plot_ensemble(pictures, (len(first), len(second)), size, read_json(result) | {"elements": elements})
