"""Seeds: as many of each state as of any other, and later where the populations are least certain."""

import numpy as np

from jamun.peptides.torsions import Torsion
from jamun.populations.basins import residue_states
from jamun.populations.residues import PeptideRuns, Pool, ResidueSettings, step_results
from jamun.populations.seeds import even_seeds, seeds_of_round
from jamun.populations.steps import steps_of

TORSIONS = [Torsion("phi", 1, "ALA"), Torsion("psi", 1, "ALA"), Torsion("phi", 2, "SER"), Torsion("psi", 2, "SER")]


def frames(helical):
    """Angles of frames whose residues are helical or not, by `helical` (F, 2)."""
    angles = np.full((len(helical), 4), np.radians(-70.0))
    angles[:, 1::2] = np.where(helical, np.radians(-40.0), np.radians(140.0))
    return angles


def test_every_state_gets_as_many_and_the_rarest_is_never_left_out():
    labels = np.repeat([0, 1, 2], [900, 99, 1])
    chosen = even_seeds(labels, 30, np.random.default_rng(0))
    np.testing.assert_array_equal(np.bincount(labels[chosen]), [10, 10, 10])
    assert len(set(chosen[labels[chosen] == 0])) == 10  # different frames where there are enough
    assert 2 in labels[even_seeds(labels, 1, np.random.default_rng(0))]


def test_the_first_round_starts_on_both_sides_of_every_step():
    generator = np.random.default_rng(0)
    samples = frames(generator.random((2000, 2)) < 0.02)
    samples[generator.choice(2000, 4, replace=False), 0] = np.radians(55.0)
    steps = steps_of(residue_states(TORSIONS, [samples]))
    chosen = seeds_of_round(steps, [], 30, np.random.default_rng(1))
    assert len(chosen) == 30
    starts = {(step.residue.place, step.name): np.concatenate(step.states)[chosen] for step in steps}
    # a third of the seeds each, but for the one residue that no sample has at positive phi
    for step in ((1, "phi > 0"), (1, "helical"), (2, "helical")):
        assert 5 <= starts[step].sum() <= 8


def test_later_rounds_start_where_populations_are_least_certain():
    generator = np.random.default_rng(0)
    samples = frames(generator.random((400, 2)) < 0.1)
    steps = steps_of(residue_states(TORSIONS, [samples]))
    # residue 1 crosses in every run, residue 2 in none
    runs = [
        frames(np.stack([generator.random(200) < 0.5, np.full(200, number % 2 == 0)], axis=1)) for number in range(8)
    ]
    md = PeptideRuns("AS", TORSIONS, runs, 1.0)
    results = step_results(md, Pool(1.0), ResidueSettings(lag=1.0))
    chosen = seeds_of_round(steps, results, 40, np.random.default_rng(1))
    assert len(chosen) == 40
    second = next(step for step in steps if step.name == "helical" and step.residue.place == 2)
    # both sides of the uncertain barrier, though a tenth of the samples are on one
    assert np.concatenate(second.states)[chosen].mean() > 0.3
