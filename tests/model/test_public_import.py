"""Checkpoints of the authors' public program: what is read of them, what is asked for, and what is refused."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from public_checkpoint import SIGMA, SMALL, SQUARED, content, random_weights, to_public, write
from typer.testing import CliRunner

from jamun.cli import app
from jamun.config.public_network import PublicNetworkSettings
from jamun.io.log import UserError
from jamun.io.pickles import Global, Made, PickleError, read_pickle
from jamun.model.checkpoint import load_denoiser
from jamun.model.public.importer import PublicCheckpointError, Told, is_public, read_public

SETTINGS = PublicNetworkSettings(**SMALL)
WEIGHTS = random_weights(SETTINGS)


def made(path: Path, change: Callable[[dict[str, Any]], object] | None = None, **options: Any) -> Path:
    """A small checkpoint, after `change` of what it holds."""
    settings = options.pop("settings", SETTINGS)
    weights = WEIGHTS if settings is SETTINGS else random_weights(settings)
    held = content(settings, weights, options.pop("prefix", "g._orig_mod."))
    if change is not None:
        change(held)
    return write(path, held, settings, **options)


def test_everything_is_read(tmp_path: Path) -> None:
    path = made(tmp_path / "public.ckpt")
    assert is_public(path)
    loaded = load_denoiser(path)
    back = to_public(loaded.denoiser)
    assert all(torch.equal(back[key], value) for key, value in WEIGHTS.items())
    assert loaded.network == SETTINGS
    assert loaded.sigma == SIGMA
    assert float(loaded.denoiser.mean_squared_distance) == SQUARED
    imported = loaded.record["imported"]
    assert imported["generation_by"] == "its layers' names"
    assert imported["parameters"] == sum(value.numel() for value in WEIGHTS.values())


def test_a_file_without_compilation_or_with_the_product_compiled_is_the_same(tmp_path: Path) -> None:
    plain = read_public(made(tmp_path / "plain.ckpt", prefix="g."))

    def inner(held: dict[str, Any]) -> None:
        state = held["state_dict"]
        for key in [key for key in state if ".f.f.tp." in key]:
            state[key.replace(".tp.", ".tp._orig_mod.")] = state.pop(key)

    nested = read_public(made(tmp_path / "nested.ckpt", inner, prefix="g."))
    for key, value in read_public(made(tmp_path / "wrapped.ckpt"))["state_dict"].items():
        assert torch.equal(plain["state_dict"][key], value)
        assert torch.equal(nested["state_dict"][key], value)


def test_the_device_of_the_training_does_not_matter(tmp_path: Path) -> None:
    path, moved = made(tmp_path / "public.ckpt"), tmp_path / "gpu.ckpt"
    _rewritten(path, moved, lambda data: data.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"))
    assert b"cuda:0" in moved.read_bytes()
    assert torch.equal(read_public(moved)["state_dict"]["gain"], WEIGHTS["output_gain"])


def test_command_writes_a_model_that_loads(tmp_path: Path) -> None:
    path, out = made(tmp_path / "public.ckpt"), tmp_path / "models" / "public" / "model.safetensors"
    result = CliRunner().invoke(app, ["import", str(path), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "generation 4 (by its layers' names)" in result.output
    loaded = load_denoiser(out)
    assert torch.equal(to_public(loaded.denoiser)["output_head.1.weight"], WEIGHTS["output_head.1.weight"])
    with pytest.raises(UserError, match=r"ends in \.safetensors"):
        CliRunner().invoke(app, ["import", str(path), "--out", "model.pt"], catch_exceptions=False)


def settings_of(generation: int) -> PublicNetworkSettings:
    return PublicNetworkSettings(generation=generation, **SMALL)


@pytest.mark.parametrize(
    ("generation", "prefix", "options", "how"),
    [
        (2, "g._orig_mod.", {}, "its keys"),
        (3, "g.", {}, "its buffers"),
        (3, "g._orig_mod.", {}, "its buffers"),
        (4, "g.", {}, "its layers' names"),
    ],
)
def test_generations_that_a_file_tells(
    tmp_path: Path, generation: int, prefix: str, options: dict[str, Any], how: str
) -> None:
    path = made(tmp_path / "public.ckpt", settings=settings_of(generation), prefix=prefix, **options)
    found = read_public(path)
    assert found["network"]["generation"] == generation
    assert found["record"]["imported"]["generation_by"] == how


@pytest.mark.parametrize(("generation", "others"), [(1, "1 (to January 2025) or 2 (3 to 6 February 2025)"), (4, "4")])
def test_generations_that_are_asked_for(tmp_path: Path, generation: int, others: str) -> None:
    path = made(tmp_path / "public.ckpt", settings=settings_of(generation), prefix="g.", library="e3tools")
    with pytest.raises(PublicCheckpointError, match="--generation N") as error:
        read_public(path)
    assert others in str(error.value)
    assert read_public(path, Told(generation=generation))["network"]["generation"] == generation
    with pytest.raises(PublicCheckpointError, match="cannot be of generation 3"):
        read_public(path, Told(generation=3))
    with pytest.raises(PublicCheckpointError, match="cannot be of generation 9"):
        read_public(path, Told(generation=9))


@pytest.mark.parametrize(("used", "generation"), [(6, 4), (7, 5)])
def test_moments_of_adam_tell_the_vocabulary(tmp_path: Path, used: int, generation: int) -> None:
    def change(held: dict[str, Any]) -> None:
        moment = torch.zeros_like(WEIGHTS["atom_embedder.atom_code_embedding.weight"])
        moment[[0, 1, 2, 4, 5, used]] = 1.0
        held["optimizer_states"] = [{"state": {3: {"exp_avg_sq": moment}}, "param_groups": []}]

    found = read_public(made(tmp_path / "public.ckpt", change, library="e3tools"))
    assert found["network"]["generation"] == generation


def test_later_hyper_parameters_tell_generation_5(tmp_path: Path) -> None:
    path = made(tmp_path / "a.ckpt", lambda held: held["hyper_parameters"].update(normalization_type="JAMUN"))
    assert read_public(path)["network"]["generation"] == 5


@pytest.mark.parametrize(
    ("key", "told", "option"),
    [
        ("average_squared_distance", Told(mean_squared_distance=0.5), "--mean-squared-distance"),
        ("max_radius", Told(max_radius=0.9), "--max-radius"),
        ("sigma", Told(sigma=0.06), "--sigma"),
    ],
)
def test_numbers_are_asked_for(tmp_path: Path, key: str, told: Told, option: str) -> None:
    missing = made(
        tmp_path / "public.ckpt",
        lambda held: held["hyper_parameters"].pop(key, None),
        sigma=None if key == "sigma" else SIGMA,
    )
    with pytest.raises(PublicCheckpointError, match=option):
        read_public(missing)
    found = read_public(missing, told)
    values = (found["mean_squared_distance"], found["network"]["max_radius"], found["sigma"])
    assert values == (told.mean_squared_distance or SQUARED, told.max_radius or 1.0, told.sigma or SIGMA)
    with pytest.raises(PublicCheckpointError, match="and not"):  # told otherwise than the file says
        read_public(made(tmp_path / "whole.ckpt"), told)


class _Runs:
    """An object whose pickle runs a command when it is loaded."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], tuple(self.call[1:])


def _rewritten(path: Path, target: Path, change: Callable[[bytes], bytes]) -> Path:
    """The archive with another data.pkl."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for entry in old.infolist():
            data = old.read(entry)
            new.writestr(entry.filename, change(data) if entry.filename.endswith("data.pkl") else data)
    return target


def _with_pickle(data: bytes) -> Callable[[Path, Path], object]:
    return lambda path, target: _rewritten(path, target, lambda _: data)


def _with_entries(**more: bytes) -> Callable[[Path, Path], object]:
    def change(path: Path, target: Path) -> None:
        _rewritten(path, target, lambda data: data)
        with zipfile.ZipFile(target, "a", zipfile.ZIP_STORED) as archive:
            for name, data in more.items():
                archive.writestr(name.replace("__", "/"), data)

    return change


def _compressed(path: Path, target: Path) -> None:
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))


def _held(change: Callable[[dict[str, Any]], object], **options: Any) -> Callable[[Path, Path], object]:
    return lambda path, target: made(target, change, **options)


def _bytes(change: Callable[[bytes], bytes]) -> Callable[[Path, Path], object]:
    return lambda path, target: target.write_bytes(change(path.read_bytes()))


def _without_storage(path: Path, target: Path) -> None:
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for entry in old.infolist():
            if not entry.filename.endswith("data/5"):
                new.writestr(entry.filename, old.read(entry))


def _set(key: str, value: Any) -> Callable[[dict[str, Any]], object]:
    return lambda held: held["state_dict"].__setitem__(f"g._orig_mod.{key}", value)


def _nan() -> torch.Tensor:
    value = WEIGHTS["embed_bondedness.weight"].clone()
    value[0, 0] = float("nan")
    return value


def _deep() -> bytes:
    """Lists in lists, each twice in the next: 2^60 of them to whoever walks through."""
    data = b"\x80\x02]q\x000"
    for place in range(60):
        data += b"]q" + bytes([place + 1]) + b"(h" + bytes([place]) + b"h" + bytes([place]) + b"e0"
    return data + b"h\x3c."


SHELL = f"touch {Path('executed').absolute()}"
REFUSED: dict[str, tuple[Callable[[Path, Path], Any], str]] = {
    "os.system in the weights": (_held(_set("embed_bondedness.weight", _Runs(os.system, SHELL))), "is no tensor"),
    "os.system in place of everything": (_with_pickle(pickle.dumps(_Runs(os.system, SHELL), 2)), "no state_dict"),
    "eval as a key of the weights": (
        _held(_set("x", _Runs(eval, "open('executed', 'w')"))),
        "is no tensor",
    ),
    "a pickle in a pickle": (
        _held(_set("embed_bondedness.weight", _Runs(pickle.loads, pickle.dumps(_Runs(os.system, SHELL))))),
        "is no tensor",
    ),
    "getattr and a call": (
        _with_pickle(b"\x80\x02c__builtin__\ngetattr\ncos\nenviron\nX\x05\x00\x00\x00clear\x86R)R."),
        "no state_dict",
    ),
    "setting the state of a function": (
        _with_pickle(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x04\x00\x00\x00nameNsb."),
        "state of what is no object",
    ),
    "an extension code": (_with_pickle(b"\x80\x02\x82\x01."), "data.pkl"),
    "a memo of huge number": (_with_pickle(b"\x80\x02]r\xff\xff\xff\x7f."), "no state_dict"),
    "bytes of a huge claimed length": (_with_pickle(b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b"x."), "damaged"),
    "an integer without end": (
        _with_pickle(b"\x80\x02\x8b" + struct.pack("<i", 4000) + b"\x7f" * 4000 + b"."),
        "64 bits",
    ),
    "lists in lists in lists": (_with_pickle(_deep()), "no state_dict"),
    "an empty stack": (_with_pickle(b"\x80\x02R."), "damaged"),
    "no zip archive": (_bytes(lambda data: b"not a checkpoint"), "no zip archive"),
    "an empty file": (_bytes(lambda data: b""), "no zip archive"),
    "a bare pickle": (_bytes(lambda data: pickle.dumps(_Runs(os.system, SHELL))), "no zip archive"),
    "cut off": (_bytes(lambda data: data[: len(data) // 2]), "damaged zip"),
    "a flipped bit": (
        _bytes(lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]),
        "damaged zip",
    ),
    "a storage missing": (_without_storage, "missing or cut off"),
    "a name that climbs out": (_with_entries(**{"..__..__executed": b"x"}), "out of the archive"),
    "an absolute name": (_with_entries(**{"__executed": b"x"}), "out of the archive"),
    "two data.pkl": (_with_entries(**{"other__data.pkl": b"x"}), "not one data.pkl"),
    "compressed entries": (_compressed, "compressed"),
    "a larger tensor than stored": (
        lambda path, target: _rewritten(
            path, target, lambda data: data.replace(b"K\x02K\x08\x86", b"K\x63K\x63\x86", 1)
        ),
        "larger than what is stored",
    ),
    "a weight of another shape": (_held(_set("embed_bondedness.weight", torch.ones(3, 8))), "in the shape (3, 8)"),
    "a weight too many": (_held(_set("chirality.weight", torch.ones(2, 16))), "unknown weight 'chirality.weight'"),
    "a weight outside the network": (
        _held(lambda held: held["state_dict"].__setitem__("h.weight", torch.ones(1))),
        "none of its network g",
    ),
    "a weight missing": (
        _held(lambda held: held["state_dict"].pop("g._orig_mod.layers.1.gated_conv.f.f.radial_nn.3.bias")),
        "lacks the weight layers.1",
    ),
    "a weight twice": (
        _held(lambda held: held["state_dict"].__setitem__("g.output_gain", torch.ones(()))),
        "'output_gain' twice",
    ),
    "a buffer of another shape": (_held(_set("output_head.1.bias", torch.ones(4))), "unknown shape (4,)"),
    "not a number": (_held(_set("embed_bondedness.weight", _nan())), "not finite"),
    "whole numbers": (_held(_set("embed_bondedness.weight", torch.ones(2, 8).long())), "not finite"),
    "no weights": (_held(lambda held: held.pop("state_dict")), "no state_dict"),
    "a distance of zero": (
        _held(lambda held: held["hyper_parameters"].update(average_squared_distance=0.0)),
        "no positive number",
    ),
    "another normalisation": (
        _held(lambda held: held["hyper_parameters"].update(normalization_type="EDM")),
        "normalization_type 'EDM'",
    ),
    "no centring": (_held(lambda held: held["hyper_parameters"].update(mean_center=False)), "mean_center 'False'"),
    "higher harmonics": (_held(lambda held: None, irreps_sh="1x0e + 1x1e + 1x2e"), "irreps_sh"),
    "an unknown setting": (_held(lambda held: None, attention=True), "unknown setting 'attention'"),
    "no residues": (_held(lambda held: None, use_residue_information=False), "knows no residues"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("whole") / "public.ckpt")


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_sentence_and_nothing_is_run(
    case: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, expected = REFUSED[case]
    target = tmp_path / "public.ckpt"
    change(whole, target)
    here, environment = Path.cwd(), dict(os.environ)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PublicCheckpointError) as error:
        read_public(target)
    said = str(error.value)
    assert said.startswith(f"{target}: a checkpoint of the public program that ")
    assert expected in said
    assert said.endswith(".")
    assert "\n" not in said
    assert len(said) < 400 + len(str(target))
    assert not (here / "executed").exists()
    assert not list(tmp_path.rglob("executed"))
    assert dict(os.environ) == environment


def test_the_hostile_ones_do_run_where_they_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the tests above would show nothing."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(_Runs(os.system, "touch executed")))
    assert (tmp_path / "executed").exists()


def test_pickles_come_out_as_data() -> None:
    plain = {"a": [1, 2.5, None, True], "b": ("x", (1, "y")), "c": [], "e": -(2**40)}
    for protocol in range(6):
        assert read_pickle(pickle.dumps(plain, protocol)) == plain
    later = plain | {"f": b"x", "g": {3, 4}, "h": frozenset({"z"})}
    for protocol in (4, 5):
        assert read_pickle(pickle.dumps(later, protocol)) == later
    found = read_pickle(pickle.dumps(_Runs(os.system, "true"), 2))
    assert isinstance(found, Made)
    assert isinstance(found.by, Global)
    assert (found.by.name, found.arguments) == ("system", ("true",))
    shared: list[Any] = []
    shared.append(shared)
    cyclic = read_pickle(pickle.dumps(shared, 2))
    assert cyclic[0] is cyclic
    buffer = io.BytesIO()
    pickle.Pickler(buffer, 2).dump({"tuple": (1, 2)})
    with pytest.raises(PickleError, match="damaged"):
        read_pickle(buffer.getvalue()[:-4])
