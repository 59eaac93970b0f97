"""Noise levels of the training and variants of the sampling: what is resolved, what is refused."""

import pytest
from refusals import assert_refused

from jamun.config import parse

LEVELS = {"models": {"default": {}, "ranged": {"training": {"sigma_range": ["0.1 angstrom", 0.06]}}}}


def with_variants(**variants):
    return LEVELS | {"ablation": {"variants": variants}}


def test_a_row_has_the_settings_of_sampling_but_for_what_it_names():
    settings = parse(
        LEVELS
        | {
            "sampling": {"chains": 30, "friction": 0.5, "seed": 4},
            "ablation": {
                "samples": 600,
                "variants": {
                    "friction-0.1": {"friction": 0.1},
                    "down": {"model": "ranged", "jump_sigmas": ["2e-2 nm"]},
                },
            },
        }
    )
    assert settings.ablation.rows == ["plain", "friction-0.1", "down"]
    assert [settings.ablated_model(name) for name in settings.ablation.rows] == ["default", "default", "ranged"]
    plain, friction, down = (settings.ablated_sampling(name) for name in settings.ablation.rows)
    assert plain == settings.sampling.model_copy(update={"samples": 600})
    assert friction == plain.model_copy(update={"friction": 0.1})
    assert down == plain.model_copy(update={"jump_sigmas": [0.02]})
    assert settings.training_of("ranged").levels == pytest.approx((0.01, 0.06))
    assert settings.training_of("default").levels == (0.04, 0.04)
    assert parse(settings.model_dump(mode="json")) == settings


def test_without_variants_there_are_no_rows():
    assert parse({}).ablation.rows == []
    # Nor are settings refused that nothing is sampled with.
    assert parse({"ablation": {"samples": 10}}).ablation.rows == []


def test_model_and_chains_of_every_row():
    settings = parse(LEVELS | {"ablation": {"model": "ranged", "chains": 7, "variants": {"a": {"friction": 3}}}})
    assert {settings.ablated_model(name) for name in settings.ablation.rows} == {"ranged"}
    assert {settings.ablated_sampling(name).chains for name in settings.ablation.rows} == {7}


def test_a_model_is_sampled_with_its_own_settings():
    models = LEVELS["models"] | {"few": {"sampling": {"samples": 500, "chains": 5, "friction": 0.5}}}
    settings = parse({"models": models, "ablation": {"samples": 100, "variants": {"few": {"model": "few"}}}})
    assert settings.sampling_of("default") == settings.sampling
    # A checkpoint given on the command line brings a name that is none of models, and later runs find its samples.
    brought = parse({"models": models, "checkpoint": "another.ckpt", "model": "another"})
    assert brought.sampling_of("another") == settings.sampling_of("another") == settings.sampling
    differences = {"samples": 500, "chains": 5, "friction": 0.5}
    assert settings.sampling_of("few") == settings.sampling.model_copy(update=differences)
    assert settings.ablated_sampling("few") == settings.sampling_of("few").model_copy(update={"samples": 100})
    assert settings.ablated_sampling("plain").friction == settings.sampling.friction


def test_the_ends_of_a_range_are_in_it_in_any_unit():
    # 0.1 angstrom is 0.010000000000000002 nm
    assert parse({"training": {"sigma": "0.01 nm", "sigma_range": ["0.1 angstrom", "1 angstrom"]}})


REFUSED = [
    ({"training": {"sigma_range": [0.05, 0.01]}}, "0.05 nm is not below 0.01 nm"),
    ({"training": {"sigma_range": [0.04, 0.04]}}, "0.04 nm is not below 0.04 nm"),
    ({"training": {"sigma_range": [0.05, 0.06]}}, "sigma 0.04 nm, at which is validated, must lie in sigma_range"),
    ({"training": {"sigma_range": [0.05]}}, "training.sigma_range"),
    ({"training": {"sigma_share": 0.5}}, "sigma_share needs a sigma_range"),
    ({"training": {"sigma_range": [0, 0.05]}}, "training.sigma_range"),
    ({"models": {"w": {"training": {"sigma_range": ["1 fs", 1]}}}}, "models.w.training.sigma_range"),
    ({"models": {"w": {"sampling": {"samples": 10, "chains": 20}}}}, "models.w.sampling: chains (20) cannot exceed"),
    ({"models": {"w": {"sampling": {"jump_sigmas": [0.05]}}}}, "models.w.sampling: jump_sigmas must decrease"),
    (with_variants(slow={"frction": 1}), "ablation.variants.slow.frction is not a known key (did you mean friction?)"),
    (with_variants(slow={"friction": -1}), "ablation.variants.slow.friction"),
    (with_variants(slow={"model": "rangd"}), "ablation.variants.slow: model 'rangd' is not one of models"),
    (with_variants(slow={"model": ["ranged"]}), "variant slow: model must be the name"),
    (with_variants(plain={"friction": 1}), "variant plain is there by itself"),
    (with_variants(slow={}), "variant slow differs in nothing"),
    (with_variants(slow={"samples": 3}), "set ablation.samples instead"),
    (with_variants(slow={"jump_sigmas": [0.05]}), "0.05 nm follows 0.04 nm"),
    (with_variants(slow={"sigma": 0.02, "jump_sigmas": [0.03]}), "0.03 nm follows 0.02 nm"),
    ({"ablation": {"variants": {"../up": {"friction": 3}}}}, "ablation.variants"),
    ({"ablation": {"samples": 50, "variants": {"a": {"friction": 3}}}}, "chains (100) cannot exceed samples (50)"),
    ({"ablation": {"model": "other", "variants": {"a": {"friction": 3}}}}, "model 'other' is not one of models"),
]


@pytest.mark.parametrize(("raw", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_refused_in_one_sentence(raw, words):
    assert_refused(raw, words)
