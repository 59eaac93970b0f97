"""The configuration: units, strictness, sentences, and generated files that must not drift."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from refusals import assert_refused

from jamun.config import Configuration, ConfigurationError, load, parse, settings_for
from jamun.config.base import to_unit
from jamun.config.sampling import SamplingSettings
from jamun.config.schema import DOCS, json_schema, reference_page
from jamun.config.simulate import SimulateSettings
from jamun.io.shipped import shipped_model
from jamun.model.checkpoint import read_content

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("4 fs", "fs", 4.0),
        ("0.004 ps", "fs", 4.0),
        ("20 ns", "ps", 20000.0),
        ("8.5 angstrom", "nm", 0.85),
        ("1 kcal/mol/A^2", "kJ/mol/nm^2", 418.4),
        ("1e-3 nm", "nm", 1e-3),
        (2, "fs", 2),
    ],
)
def test_quantities_convert(text, unit, value):
    assert to_unit(text, unit) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("text", ["4 nm", "4 parsec", "fast", "4", "nan fs", ""])
def test_other_dimensions_are_refused(text):
    with pytest.raises(ValueError, match="is not a time"):
        to_unit(text, "fs")


IMPLICIT = {"solvent": "implicit", "ensemble": "NVT", "equilibration": []}


def tuned(initial):
    """A model whose training starts from the weights of another."""
    return {"training": {"initial_weights": initial}}


REFUSED = [
    ({"simulat": {}}, "simulat is not a known key (did you mean simulate?)"),
    ({"simulate": {"timestp": 2}}, "simulate.timestp is not a known key (did you mean timestep?)"),
    ({"simulate": {"equilibration": [{"ensemble": "NVE", "duration": 1}]}}, "simulate.equilibration.0.ensemble"),
    ({"simulate": {"timestep": "4 nm"}}, "simulate.timestep"),
    ({"simulate": {"timestep": 4}}, "heavy hydrogens"),
    ({"simulate": {"timestep": -1}}, "simulate.timestep"),
    ({"simulate": {"solvent": "implicit"}}, "no NPT"),
    ({"simulate": {"cutoff": 0.7}}, "switch_distance"),
    ({"simulate": {"production": 1, "frame_interval": 2}}, "longer than the production"),
    ({"simulate": {"frame_interval": 0.0031}}, "whole number of timesteps"),
    ({"simulate": {"temperature": float("nan")}}, "simulate.temperature"),
    ({"simulate": {"starts": ["alpha", "gamma"]}}, "simulate.starts.1"),
    ({"simulate": {"starts": ["built trans"]}}, "simulate.starts.0"),
    ({"dataset": "../elsewhere"}, "dataset"),
    ({"dataset": "a/b"}, "dataset"),
    ({"models": {"..": {}}}, "models"),
    ({"models": {}}, "models"),
    ({"models": {"wide": {"network": {"lmax": 9}}}}, "models.wide.network.lmax"),
    ({"models": {"brought": {"checkpoint": "x.ckpt", "training": {"sigma": 0.1}}}}, "not trained here"),
    ({"models": {"md": {"checkpoint": "x.ckpt", "simulate": {}}}}, "a model with simulate is plain MD"),
    ({"models": {"md": {"simulate": {"production": "0 ps"}}}}, "models.md.simulate.production"),
    ({"models": {"md": {"simulate": {**IMPLICIT, "batched": True}}}}, "batched: false"),
    ({"models": {"own": tuned("absent")}}, "models.own.training.initial_weights: 'absent' is not one of models (own)"),
    ({"models": {"own": tuned("own")}}, "a model cannot start from its own weights, as 'own' would by 'own'"),
    ({"models": {"own": tuned("two"), "two": tuned("own")}}, "as 'own' would by 'two'"),
    ({"training": {"initial_weights": "default"}}, "from its own weights"),
    (
        {"models": {"wide": {"network": {"radial_width": 128}}, "own": tuned("wide")}},
        "models.own.training.initial_weights: the network of 'wide' is another",
    ),
    ({"network": {"hidden_irreps": "32x0e"}}, "scalars"),
    ({"network": {"hidden_irreps": "32x0e + 8y1e"}}, "network.hidden_irreps: must have the form of '120x0e"),
    ({"network": {"hidden_irreps": "32x0e + 99999x1e"}}, "4096"),
    ({"network": {"hidden_irreps": "32x0e + 8x1e + 8x9e"}}, "degree"),
    ({"sampling": {"samples": 10, "chains": 20}}, "chains"),
    ({"evaluation": {"msm": {"clusters": 5, "macrostates": 9}}}, "macrostates"),
    ({"checkpoint": "new.ckpt"}, "model=NAME"),
    ({"model": "mine"}, "checkpoint=PATH"),
    ({"checkpoint": "new.ckpt", "model": "default"}, "already configured"),
    ({"models": {"comparison": {}}}, "holds the figures of all models side by side"),
    ({"checkpoint": "new.ckpt", "model": "comparison"}, "holds the figures of all models side by side"),
    ({"training": None}, "training"),
    ([], "mapping"),
    ("text", "mapping"),
]


@pytest.mark.parametrize(("raw", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_refused_in_one_sentence(raw, words):
    assert_refused(raw, words)


def test_brought_checkpoint_is_the_one_active_model():
    settings = parse({"checkpoint": "new.ckpt", "model": "mine"})
    assert settings.active_models() == ["mine"]
    assert settings.checkpoint_of("mine") == "new.ckpt"
    assert settings.checkpoint_of("default") is None


def test_the_shipped_model_is_named_without_its_path():
    settings = parse({"models": {"default": {}, "study": {"checkpoint": "shipped"}}})
    assert settings.checkpoint_of("study") == str(ROOT / "models" / "explicit" / "model.safetensors")
    assert settings.checkpoint_of("default") is None
    brought = parse({"checkpoint": "shipped", "model": "mine"})
    assert brought.checkpoint_of("mine") == settings.checkpoint_of("study")


def test_a_model_differs_only_where_it_says_so():
    settings = parse({"training": {"sigma": 0.05}, "models": {"a": {}, "b": {"training": {"learning_rate": 1e-4}}}})
    assert settings.training_of("a").sigma == settings.training_of("b").sigma == 0.05
    assert settings.training_of("a").learning_rate != settings.training_of("b").learning_rate == 1e-4


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        SimulateSettings().seed = 3


def test_frames_are_whole():
    settings = SimulateSettings(timestep=4, hydrogen_mass=3, frame_interval="0.1 ps", production="80 ps")
    assert (settings.steps_per_frame, settings.n_frames) == (25, 800)


def test_the_demo_samples_the_shipped_model_as_its_study_did():
    settings = load(ROOT / "config.yaml")
    own = read_content(shipped_model("explicit").weights)["sampling"]
    # All that is the model's; how many samples a demo makes is its own.
    assert settings.sampling_of("explicit").of_a_model() == SamplingSettings(**own).of_a_model()
    assert settings.sampling_of("default") == settings.sampling


def test_the_demo_is_a_fair_test():
    """No model has seen its test peptide, and its own has seen every atom of it."""
    peptides = load(ROOT / "config.yaml").peptides
    card = shipped_model("explicit").card["data"]["peptides"]
    (tested,) = peptides.test
    assert tested not in [*peptides.train, *peptides.validation]
    assert tested not in [*card["train"]["sequences"], *card["validation"]["sequences"]]
    assert set("".join(peptides.validation) + tested) <= set("".join(peptides.train))


def test_what_the_shipped_model_brings_gives_way_to_its_own_keys():
    few = {"samples": 7, "chains": 3, "burn_in": 5, "stride": 9}
    settings = parse({"models": {"study": {"checkpoint": "shipped", "sampling": {"burn_in": 2}}}, "sampling": few})
    own, found = read_content(shipped_model().weights)["sampling"], settings.sampling_of("study")
    assert (found.samples, found.chains, found.burn_in, found.stride) == (7, 7, 2, own["stride"])
    for checkpoint in ("shipped", str(shipped_model().weights)):
        named = parse({"checkpoint": checkpoint, "model": "mine", "sampling": few}).sampling_of("mine")
        assert (named.samples, named.burn_in, named.stride) == (7, own["burn_in"], own["stride"])
    missing = parse({"models": {"study": {"checkpoint": "none.safetensors"}}, "sampling": few})
    assert missing.sampling_of("study").stride == 9  # told where it is loaded


def test_a_setting_that_no_model_uses_is_told():
    shipped = {"study": {"checkpoint": "shipped"}}
    own = read_content(shipped_model().weights)["sampling"]
    unlike = {"step": own["step"] / 2, "friction": own["friction"], "samples": 700}
    told = parse({"models": shipped, "sampling": unlike}).unused_sampling()
    assert told == "sampling.step: no model uses it, since each has its own; set it under models.study.sampling."
    assert parse({"models": shipped, "sampling": {"samples": 700}}).unused_sampling() is None
    assert parse({"models": shipped | {"default": {}}, "sampling": unlike}).unused_sampling() is None
    assert load(ROOT / "config.yaml").unused_sampling() is None


@pytest.mark.parametrize(
    "name",
    [
        "config.yaml",
        "configs/implicit_cpu.yaml",
        "configs/chains_gpu.yaml",
        "configs/paper.yaml",
        "configs/public.yaml",
        "configs/timewarp.yaml",
        "configs/manypeptides.yaml",
    ],
)
def test_shipped_configurations_load(name):
    settings = load(ROOT / name)
    # A resolved configuration must survive a second parse: jobs and the report read it back.
    assert parse(settings.model_dump(mode="json")) == settings


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(ConfigurationError, match="no such configuration file"):
        load(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1\n")
    with pytest.raises(ConfigurationError, match=r"not readable as YAML \(line 2"):
        load(tmp_path / "broken.yaml")
    (tmp_path / "twice.yaml").write_text("sampling: {samples: 5}\nmodel: a\nsampling: {seed: 1}\n")
    with pytest.raises(ConfigurationError, match=r"YAML \(line 3: the key 'sampling' is there twice; keep one\)"):
        load(tmp_path / "twice.yaml")
    (tmp_path / "merged.yaml").write_text("simulate: &md {seed: 1}\nmodels: {a: {simulate: {<<: *md, seed: 2}}}\n")
    assert load(tmp_path / "merged.yaml").models["a"].simulate == {"seed": 2}
    (tmp_path / "latin.yaml").write_bytes(b"dataset: caf\xe9\n")
    with pytest.raises(ConfigurationError, match="byte 13 is not UTF-8"):
        load(tmp_path / "latin.yaml")
    with pytest.raises(ConfigurationError, match="folder"):
        load(tmp_path)


def numbers(schema, path=()):
    """Every part of a JSON schema that describes a number."""
    if isinstance(schema, dict):
        if schema.get("type") in ("integer", "number"):
            yield path, schema
        for key, value in schema.items():
            yield from numbers(value, (*path, key))
    elif isinstance(schema, list):
        for place, value in enumerate(schema):
            yield from numbers(value, (*path, place))


def test_every_number_has_a_range():
    for path, schema in numbers(Configuration.model_json_schema()):
        assert schema.keys() & {"minimum", "exclusiveMinimum"}, path
        assert schema.keys() & {"maximum", "exclusiveMaximum"}, path


def test_every_key_has_a_description():
    sections = [Configuration.model_json_schema(), *Configuration.model_json_schema()["$defs"].values()]
    keys = [(section["title"], name, key) for section in sections for name, key in section["properties"].items()]
    assert [(section, name) for section, name, key in keys if not key.get("description")] == []


@pytest.mark.parametrize(
    ("section", "values"),
    [
        # YAML 1.1 reads 1e5 as text, and people's 1.0e+5 is no integer to it.
        ("sampling", {"samples": "1e5", "step": "5e-1", "sigma": "4e-2"}),
        ("sampling", {"samples": 1.0e5, "step": 0.5, "sigma": 0.04}),
        ("sampling", {"samples": 100000, "step": 0.5, "sigma": "0.4 angstrom"}),
    ],
)
def test_numbers_are_read_as_people_write_them(section, values):
    read = getattr(parse({section: values}), section)
    assert (read.samples, read.step, read.sigma) == (100000, 0.5, pytest.approx(0.04))
    assert isinstance(read.samples, int)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "sampling.seed: expected a whole number, got true."),
        ("8", "sampling.seed: expected a whole number, got '8'; write it without quotes."),
        ("1.5e0", "sampling.seed: expected a whole number, got 1.5."),
        (None, "sampling.seed: expected a whole number, got nothing; give one, or leave the key out."),
        (10**5000, "sampling.seed: must be less than or equal to 9223372036854775807, got an integer of more than"),
        ("\x1b[2Jx\n", r"sampling.seed: expected a whole number, got '\x1b[2Jx\n'."),
    ],
    ids=["boolean", "text", "fraction", "nothing", "huge", "unprintable"],
)
def test_types_are_not_coerced(value, words):
    with pytest.raises(ConfigurationError) as caught:
        parse({"sampling": {"seed": value}})
    assert words in str(caught.value)


def test_letters_that_look_like_others_are_told_apart():
    with pytest.raises(ConfigurationError, match=r"U\+0430"):
        parse({"simul\u0430te": {}})


def test_generated_files_are_current():
    assert (DOCS / "configuration.md").read_text() == reference_page(), "run `make docs`"
    assert (DOCS / "configuration.schema.json").read_text() == json_schema(), "run `make docs`"


@pytest.mark.parametrize(
    ("command", "raw", "told"),
    [
        ("sample", {"sampling": {"seed": 9}, "models": {"a": {"sampling": {"seed": 8}}}}, "models.a.sampling"),
        (
            "simulate",
            {"simulate": {"replicas": 2}, "splits": {"test": {"simulate": {"replicas": 3}}}},
            "splits.test.simulate",
        ),
        ("populations", {"simulate": {"replicas": 2}, "populations": {"seed": 1}}, "simulate.replicas"),
        ("evaluate", {"evaluation": {"wasserstein": {"enabled": True}}}, "evaluation.wasserstein"),
    ],
)
def test_keys_that_a_command_does_not_read_are_told(command, raw, told, caplog):
    settings_for(command, raw)
    assert caplog.messages == [f"configuration: `jamun {command}` does not read {told}, as the workflow does."]


def test_so_is_a_file_of_which_a_command_reads_nothing(tmp_path, caplog):
    (tmp_path / "mine.yaml").write_text("simulate: {replicas: 4}")
    settings_for("sample", tmp_path / "mine.yaml")
    assert "no key in it is read by `jamun sample`, which reads peptides, sampling, evaluation, figures." in caplog.text


@pytest.mark.parametrize("command", ["build", "simulate", "sample", "evaluate", "populations"])
def test_nothing_is_told_of_defaults(command, caplog):
    for given in (None, {}, {"simulate": {"batched": False}}, parse({"peptides": {"ph": 6.0}, "figures": {"dpi": 50}})):
        settings_for(command, given)
    assert not caplog.messages
