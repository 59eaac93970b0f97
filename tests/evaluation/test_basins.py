"""Basins of synthetic maps whose minima, borders and populations are known."""

import numpy as np
import pytest

from jamun.config.physicality import PhysicalitySettings
from jamun.evaluation.basins import GAS_CONSTANT_KCAL, cover, find_basins, free_energy_kcal, occupancies

SETTINGS = PhysicalitySettings()
BINS = 50
# Centres in degrees; the second lies across the borders of both angles.
CENTRES = np.array([(-75.0, -40.0), (178.0, 176.0), (60.0, 45.0)])
SHARES = np.array([0.6, 0.3, 0.1])


def mixture(frames, shares=SHARES, seed=0, width=18.0, centres=CENTRES):
    """Angles (F, 2) in radians on (-pi, pi), and the component (F,) of each."""
    rng = np.random.default_rng(seed)
    component = rng.choice(len(shares), frames, p=shares)
    degrees = centres[component] + rng.normal(0, width, (frames, 2))
    return np.deg2rad((degrees + 180) % 360 - 180), component


def counts(angles):
    return np.histogram2d(*angles.T, bins=BINS, range=[(-np.pi, np.pi)] * 2)[0].astype(np.int64)


def blocks(angles, number=20):
    return np.stack([counts(part) for part in np.array_split(angles, number)])[:, None]


def covered(reference, samples, settings=SETTINGS):
    halves = np.stack([counts(part) for part in np.array_split(reference, 2)])[:, None]
    basins = find_basins(counts(reference), 300.0, settings)
    means, residues = cover(blocks(reference), blocks(samples), halves, halves, [basins])
    return basins, means, residues[0]


def apart(angles, degrees):
    """Distance on the circle of angles in radians from degrees."""
    return np.abs((np.rad2deg(angles) - degrees + 180) % 360 - 180)


def test_basins_of_a_periodic_mixture():
    angles, _ = mixture(50_000)
    basins = find_basins(counts(angles), 300.0, SETTINGS)
    assert basins.count == 3
    for minimum, centre in zip(basins.minima, CENTRES, strict=True):  # in the order of their populations
        assert apart(minimum, centre).max() < 15
    assert basins.energies[0] == 0
    expected = GAS_CONSTANT_KCAL * 300 * np.log(SHARES[0] / SHARES)
    np.testing.assert_allclose(basins.energies, expected, atol=0.15)
    # The basin across the borders lies in all four corners.
    assert {basins.labels[i, j] for i in (0, -1) for j in (0, -1)} == {2}
    populations = occupancies(counts(angles), basins) / len(angles)
    np.testing.assert_allclose(populations, [0, *SHARES], atol=0.01)


def test_labels_follow_a_shift_of_the_map():
    angles, _ = mixture(20_000)
    first = find_basins(counts(angles), 300.0, SETTINGS).labels
    rolled = find_basins(np.roll(counts(angles), (17, -9), (0, 1)), 300.0, SETTINGS).labels
    np.testing.assert_array_equal(rolled, np.roll(first, (17, -9), (0, 1)))


def test_energy_decides_what_is_a_basin():
    shares = np.array([0.7, 0.2999, 0.0001])  # 5.3 kcal/mol up: ln(7000) kT
    angles, _ = mixture(200_000, shares)
    low = find_basins(counts(angles), 300.0, SETTINGS)
    high = find_basins(counts(angles), 300.0, PhysicalitySettings(basin_energy=6.0))
    assert (low.count, high.count) == (2, 3)


def test_a_low_barrier_joins_and_few_frames_do_not_count():
    # Smoothed, the two are 64 degrees apart and 23 wide: a barrier of 0.3 kT.
    centres = np.array([(-100.0, 0.0), (-36.0, 0.0)])
    angles, _ = mixture(100_000, np.array([0.5, 0.5]), width=20.0, centres=centres)
    assert find_basins(counts(angles), 300.0, PhysicalitySettings(basin_barrier=0.1)).count == 2
    joined = find_basins(counts(angles), 300.0, PhysicalitySettings(basin_barrier=0.6))
    assert joined.count == 1
    rare, component = mixture(3000, np.array([0.99, 0.0, 0.01]), seed=4)
    assert 10 <= (component == 2).sum() < 50
    few = find_basins(counts(rare), 300.0, PhysicalitySettings(basin_frames=50))
    assert few.count == 1
    assert few.left_out >= 1


def test_many_frames_of_little_weight_are_a_basin_and_no_noise():
    angles, component = mixture(3000)
    weights = np.where(component == 2, 0.02, 1.0)
    weighted = np.histogram2d(*angles.T, bins=BINS, range=[(-np.pi, np.pi)] * 2, weights=weights)[0]
    settings = PhysicalitySettings(basin_frames=50)
    assert find_basins(weighted, 300.0, settings, counts(angles)).count == 3
    assert find_basins(weighted, 300.0, settings).count == 2


def test_a_map_without_frames_has_no_basins():
    basins = find_basins(np.zeros((BINS, BINS), np.int64), 300.0, SETTINGS)
    assert basins.count == 0
    assert basins.minima.shape == (0, 2)


def test_free_energy_is_minus_kt_ln_p():
    energy = free_energy_kcal(np.array([1.0, 2.0, 0.0]), 300.0)
    np.testing.assert_allclose(energy, [0.0019872 * 300 * np.log(2), 0, np.inf], rtol=1e-4)


def test_coverage_is_known():
    reference, _ = mixture(50_000)
    only_two, _ = mixture(5000, np.array([0.5, 0.5, 0.0]), seed=1, width=8.0)
    _, means, residue = covered(reference, only_two)
    assert residue["coverage"]["value"] == pytest.approx(2 / 3)
    assert residue["weighted_coverage"]["value"] == pytest.approx(0.9, abs=0.01)
    assert [basin["visited"] for basin in residue["basins"]] == [True, True, False]
    assert residue["basins"][0]["samples"]["value"] == pytest.approx(0.5, abs=0.03)
    assert residue["basins"][0]["md"]["value"] == pytest.approx(0.6, abs=0.01)
    low, high = (residue["basins"][0]["samples"][end] for end in ("low", "high"))
    assert low < 0.5 < high
    assert residue["coverage"]["md_halves"] == [1.0, 1.0]
    assert all(residue[name]["md_replicas"] == residue[name]["md_halves"] for name in means)
    assert means["coverage"]["value"] == residue["coverage"]["value"]
    assert residue["unseen"]["value"] == 0


def test_a_basin_met_by_one_frame_is_visited_and_its_interval_says_how_surely():
    reference, _ = mixture(50_000)
    samples, _ = mixture(2000, np.array([0.6, 0.4, 0.0]), seed=2, width=8.0)
    samples[7] = np.deg2rad(CENTRES[2])
    _, _, residue = covered(reference, samples)
    assert residue["coverage"]["value"] == 1
    assert residue["coverage"]["low"] == pytest.approx(2 / 3)
    assert residue["coverage"]["high"] == 1


def test_mass_where_the_md_has_none():
    reference, _ = mixture(20_000, width=10.0)
    samples, _ = mixture(1000, seed=3, width=10.0)
    samples[:250] = np.deg2rad([60.0, -120.0])
    _, means, residue = covered(reference, samples)
    assert residue["unseen"]["value"] == pytest.approx(0.25, abs=0.01)
    assert residue["outside"]["value"] == pytest.approx(0.25, abs=0.02)
    assert residue["outside"]["md"]["value"] < 0.02
    assert means["unseen"]["low"] <= means["unseen"]["value"] <= means["unseen"]["high"]
    total = sum(basin["samples"]["value"] for basin in residue["basins"]) + residue["outside"]["value"]
    assert total == pytest.approx(1)
