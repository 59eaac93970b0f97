"""Sampled variants with made-up numbers, in the formats that sampling and evaluation write."""

from jamun.config.sampling import SamplingSettings
from jamun.evaluation.ablation import Sampled

TRAINED = 0.04
RANGES = {"default": (TRAINED, TRAINED), "ranged": (0.01, 0.06)}
GROUPS = ("backbone", "side_chain", "all", "ramachandran")


def estimate(value, width=0.1):
    """An estimate with its interval."""
    return {"value": value, "low": value * (1 - width), "high": value * (1 + width)}


def made(variant, peptide="AW", model="default", js=0.2, ess=100.0, broken=0.02, **settings):
    """One peptide of one variant; the others of its numbers follow from those given."""
    chosen = SamplingSettings(**{"samples": 500, "chains": 10} | settings).model_dump(mode="json")
    sigma = chosen["sigma"] or TRAINED
    low, high = RANGES[model]
    untrained = [level for level in [sigma, *chosen["jump_sigmas"]] if not low <= level <= high]
    distances = {group: estimate(js + 0.03 * place) for place, group in enumerate(GROUPS)}
    shares = {"bond_outlier": broken, "inverted": 0.2 * broken, "clash": 0.5 * broken, "physical": 1 - 1.5 * broken}
    length = chosen["samples"] // chosen["chains"]
    return Sampled(
        variant,
        {
            "settings": chosen,
            "sigma_nm": sigma,
            "trained_sigma_nm": TRAINED,
            "untrained_sigmas_nm": untrained,
            "notes": ["Extrapolated."] if untrained else [],
            "chain_lengths": [length] * chosen["chains"],
            "chains": chosen["chains"],
            "chains_stopped": {"count": 0},
            "seconds": 2.0,
        },
        {
            "dataset": "capped_demo",
            "model": model,
            "peptide": peptide,
            "samples": {"frames": chosen["samples"]},
            "js": distances,
            "baselines": {"md_halves": {group: estimate(0.05) for group in GROUPS}},
        },
        {
            "dynamics": {"ess": {"samples": {"samples": estimate(ess), "per_second": estimate(ess / 2.0)}}},
            "physicality": {"raw": {"shares": {name: estimate(value) for name, value in shares.items()}}},
        },
    )


def sweep(peptides=("AW", "NA")):
    """Friction, noise level and levels of the jump, the last two with a model that was trained over a range."""
    variants = [
        ("plain", "default", {}),
        ("friction-0.1", "default", {"friction": 0.1}),
        ("friction-3", "default", {"friction": 3.0}),
        ("ranged", "ranged", {}),
        ("sigma-0.03", "ranged", {"sigma": 0.03}),
        ("sigma-0.06", "ranged", {"sigma": 0.06}),
        ("one-level", "ranged", {"jump_sigmas": [0.02]}),
        ("far", "ranged", {"jump_sigmas": [0.02, 0.01, 0.005]}),
    ]
    return [
        made(name, peptide, model, 0.2 + 0.01 * place + 0.1 * number, 100.0 - 8 * place, 0.01 * (1 + place), **settings)
        for place, (name, model, settings) in enumerate(variants)
        for number, peptide in enumerate(peptides)
    ]
