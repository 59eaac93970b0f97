"""Several models at equal wall clock: how many samples of each, and the same numbers as of these samples alone."""

import mdtraj
import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from test_compare import shaken

from jamun.config.evaluation import EvaluationSettings
from jamun.evaluation.ensembles import EvaluationError
from jamun.evaluation.models import compare_models_to_files, samples_at_equal_wall_clock
from jamun.evaluation.pair import Files
from jamun.io.atomic import read_json, read_npz, write_json

SETTINGS = EvaluationSettings()


@pytest.mark.parametrize(
    ("frames", "seconds", "kept", "shortest"),
    [
        ([400, 400], [20.0, 80.0], [400, 100], 20.0),
        ([400, 1000, 7], [0.3, 0.1, 0.1], [133, 1000, 7], 0.1),
        ([400, 3], [1.0, 1000.0], [400, 1], 1.0),
        ([5460, 5460], [24.47, 24.47], [5460, 5460], 24.47),  # 5460 x 24.47 / 24.47 is a little less in floats
        ([400, 300], [20.0, None], [400, 300], None),
    ],
)
def test_samples_that_the_fastest_has_time_for(frames, seconds, kept, shortest):
    found, time, reason = samples_at_equal_wall_clock(frames, seconds)
    assert (found, time) == (kept, shortest)
    assert (reason is None) == (shortest is not None)


def write(folder, trajectory, seconds, processor="one"):
    folder.mkdir()
    trajectory.save_xtc(folder / "samples.xtc")
    trajectory[0].save_pdb(folder / "topology.pdb")
    record = {"samples": {"generated": trajectory.n_frames}, "seconds": seconds, "device": "cpu"}
    write_json(folder / "sampling.json", record | {"provenance": {"processor": processor}})
    return tuple(folder / name for name in ("samples.xtc", "topology.pdb", "sampling.json"))


@pytest.fixture
def compared(tmp_path):
    """A function that compares samples by two models with an MD: (result, arrays, MD, samples), as read from files."""
    md = shaken(frames=200)
    md = md.atom_slice(md.topology.select("element != H"))
    path, topology, _ = write(tmp_path / "md", md, 1.0)
    record = {
        "boundaries": [0, 200],
        "production": {"seconds": None, "seconds_per_frame": None, "frame_interval_ps": 2.0},
    }
    write_json(tmp_path / "md" / "md.json", record)

    def compare(seconds, drawn=None, processors=("one", "one")):
        heavy = [shaken(frames=120, seed=seed) for seed in (5, 6)]
        samples = drawn or [one.atom_slice(one.topology.select("element != H")) for one in heavy]
        files = [
            write(tmp_path / f"model{k}", one, time, processor)
            for k, (one, time, processor) in enumerate(zip(samples, seconds, processors, strict=True))
        ]
        target = tmp_path / "AR.json", tmp_path / "AR.npz"
        models = {name: Files(*paths) for name, paths in zip(("fast", "slow"), files, strict=True)}
        names = {"dataset": "set", "peptide": "AR"}
        md_files = Files(path, topology, tmp_path / "md" / "md.json")
        compare_models_to_files(md_files, models, names, SETTINGS, *target)
        read = [mdtraj.load(str(one[0]), top=str(one[1])) for one in ((path, topology), *files)]
        return read_json(target[0]), read_npz(target[1]), read[0], read[1:]

    return compare


def pair_counts(trajectory):
    """Counts over phi and psi of the first residue, by NumPy."""
    angles = [compute(trajectory)[1][:, 0] for compute in (mdtraj.compute_phi, mdtraj.compute_psi)]
    return np.histogram2d(*angles, bins=SETTINGS.ramachandran_bins, range=[(-np.pi, np.pi)] * 2)[0]


def test_each_model_is_cut_to_the_wall_clock_of_the_fastest(compared):
    result, arrays, md, samples = compared([10.0, 40.0], processors=("one", "another"))
    assert result["seconds"] == 10.0
    assert [(entry["model"], entry["frames"], entry["seconds"]) for entry in result["models"]] == [
        ("fast", 120, 10.0),
        ("slow", 30, 10.0),
    ]
    assert arrays["ramachandran_models"].shape == (2, 2, 50, 50)
    np.testing.assert_array_equal(arrays["ramachandran_reference"][0], pair_counts(md))
    for place, frames in enumerate((120, 30)):
        counts = pair_counts(samples[place][:frames])
        np.testing.assert_array_equal(arrays["ramachandran_models"][place, 0], counts)
        js = result["models"][place]["ramachandran"][0]["js"]
        assert js["value"] == pytest.approx(jensenshannon(counts.ravel(), pair_counts(md).ravel()))
        assert js["low"] < js["value"] < js["high"]
    assert len(result["notes"]) == 1


def test_without_a_wall_clock_all_samples_are_compared(compared):
    result, *_ = compared([10.0, None])
    assert result["seconds"] is None
    assert "not recorded" in result["reason"]
    assert [(entry["frames"], entry["seconds"]) for entry in result["models"]] == [(120, 10.0), (120, None)]
    assert result["notes"] == []


def test_samples_of_another_molecule_are_refused(compared):
    other = [shaken(sequence=sequence, frames=3) for sequence in ("AR", "RA")]
    heavy = [one.atom_slice(one.topology.select("element != H")) for one in other]
    with pytest.raises(EvaluationError, match=r"model1.*another molecule"):
        compared([1.0, 1.0], heavy)
