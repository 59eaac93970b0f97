"""From finished results to the collection, the page and the shipped model."""

import json
import re
import runpy
import sys
from pathlib import Path

import pytest
import torch
import yaml
from collect import collect
from collected import Collected, StudyError
from model_card import make_card, ship
from page import make_page
from study_inputs import TEST, TRAIN, ablation_table, write_figure, write_study
from tables import bond_table, compute_stages, torsion_table, training_table, verdicts
from targets import MET

from jamun.evaluation.tables import read_summary
from jamun.io.atomic import read_json, write_json
from jamun.io.shipped import DEFAULT_MODEL
from jamun.model.checkpoint import load_denoiser, read_content
from jamun.simulate.benchmark_single import record_single

ROOT = Path(__file__).resolve().parents[2]
STUDY = ROOT / "studies" / "capped_dipeptides"


def collected_of(root, **changes):
    results = write_study(root, **changes)
    return collect(results, root / "logs" / "study", ROOT, root / "docs" / "results")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    results = write_study(root, models=("default", "parity"), visited=False, inverted=0.02)
    (results / "ablation").mkdir()
    ablation_table().to_csv(results / "ablation" / "ablation.csv", index=False)
    write_figure(results / "figures" / "ablation.png")
    collect(results, root / "logs" / "study", ROOT, root / "docs" / "results")
    return root


@pytest.fixture(scope="module")
def page(finished):
    return make_page(Collected(finished / "docs" / "results"))


def row_of(page, beginning):
    """Cells of the first row of a table that begins so."""
    line = next(line for line in page.splitlines() if line.startswith(f"| {beginning}"))
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def snapshot(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("name", "met"),
    [
        ("JS, backbone torsions", True),
        ("JS, all torsions", True),
        ("JS, MSM macrostates", True),
        ("basins visited", False),
        ("samples with a wrong chirality", False),
        ("samples with a bond outlier", True),
        ("speed-up in ESS a second, same cores", True),
    ],
)
def test_every_target_is_met_or_missed(page, name, met):
    cells = row_of(page, name)
    assert cells[4].startswith("**met**" if met else "**missed**"), cells


def test_numbers_of_the_targets(page, finished):
    summary = Collected(finished / "docs" / "results").summary.set_index(["model", "peptide"])
    backbone = [summary.loc[("default", peptide), "js_backbone"] for peptide in TEST]
    cells = row_of(page, "JS, backbone torsions")
    assert cells[1].startswith(f"{sum(backbone) / 2:.3f} [")
    assert cells[4].startswith(f"**met** by {0.15 - sum(backbone) / 2:.3f}")
    assert "(halves)" in cells[2]
    assert "(replicas)" in cells[2]
    assert row_of(page, "basins visited")[1] == "50.0 % [50.0, 50.0 %]"
    assert row_of(page, "samples with a wrong chirality")[1].startswith("2.0 %")
    # 30 times as fast with two threads against one is 15 times on the same cores.
    assert row_of(page, "speed-up in ESS a second, same cores")[1].startswith("15.0×")
    assert [verdict.word for verdict in verdicts(Collected(finished / "docs" / "results"))].count(MET) == 5


def test_a_far_model_misses_what_a_near_one_meets(tmp_path):
    far = make_page(collected_of(tmp_path, shares=(0.05, 0.05, 0.9)))
    assert row_of(far, "JS, backbone torsions")[4].startswith("**missed**")
    assert row_of(far, "JS, all torsions")[4].startswith("**missed**")
    assert row_of(far, "basins visited")[4] == "**met** by 5.0 %"
    assert row_of(far, "samples with a wrong chirality")[4].startswith("**met**")


def test_wall_clock_on_the_same_cores(page, finished):
    collected = Collected(finished / "docs" / "results")
    for peptide in TEST:
        apart = collected.records["comparison"][peptide]["convergence_independent"]
        samples, md, independent = collected.curves(peptide, "backbone")
        assert independent
        assert md[0].tolist() == pytest.approx([0.5 * seconds for seconds in apart["md"]["seconds"]])
        assert samples[1].tolist() == apart["samples"]["backbone"]
    cells = row_of(page.split("## Wall clock")[1], "AW")
    # 2,000 frames of 1 ps in 20 s on one core of two.
    assert cells[1:4] == ["1, 2", "17,280", "3.00 s"]
    assert f" {collected.water['cases'][-1]['ns_per_day']:.1f} ns a day" in page
    assert "benchmarks/results/simulation_cpu.json" in page


def test_failures_are_shown(page):
    failures = page.split("## Where it fails")[1]
    assert re.search(r"\b2 of 4\b", failures)
    # The basins that no sample visits, then those whose populations differ.
    missed, wrong = failures.split("| peptide | residue | φ |")[1:3]
    assert "−120°" not in missed
    assert row_of(wrong, "NA | Ala1 | −120°")[-2:] == ["80.0 %", "90.0 %"]
    assert row_of(missed, "NA | Ala1 | −70°") == ["NA", "Ala1", "−70°", "−35°", "1.00", "20.0 %", "0 %"]
    assert row_of(failures, "AW | Ala1 CA") == ["AW", "Ala1 CA", "2.0 %", "0.05 %"]
    assert row_of(failures, "AW | Ala1 N–CA") == ["AW", "Ala1 N–CA", "147.0 ± 5.0", "146.0 ± 3.0", "2.00"]
    distances = [float(js) for js in re.findall(r"\| (?:phi|psi|chi1) \| (\d\.\d+)", failures)]
    assert len(distances) == 10
    assert distances == sorted(distances, reverse=True)


def test_ablations(page, finished):
    section = page.split("## Ablations")[1]
    default, parity = row_of(section, "default"), row_of(section, "parity")
    assert (default[2], parity[2]) == (str(len(TRAIN)), "2")
    assert default[9] == "–"
    assert re.match(r"\+0\.\d{3} \[", parity[9])
    mirrors = section.split("JS to the mirror image")[1]
    assert float(row_of(mirrors, "parity")[1]) < 0.4 < float(row_of(mirrors, "default")[1])
    assert row_of(mirrors, "parity")[2].split(".")[0] in ("48", "49", "50", "51", "52")
    variant = row_of(section, "friction-3")
    assert variant[1] == "friction 3"
    assert variant[-1].startswith("+0.040")
    assert "figures/ablation.png" in section


def test_the_compute_log(page, finished):
    section = page.split("## Compute")[1]
    # Six simulations of an hour, half of it on the processor.
    assert row_of(section, "molecular dynamics") == ["molecular dynamics", "6", "6.00", "3.00"]
    assert row_of(section, "training")[2:] == ["2.00", "4.00"]
    assert compute_stages(Collected(finished / "docs" / "results"))["unmeasured"].sum() == 1
    assert re.search(r"\b6 resumptions\b", section)


def test_every_figure_and_file_of_the_page_is_there(page, finished):
    for link in re.findall(r"\]\((results/[^)]+)\)", page):
        assert (finished / "docs" / link).is_file(), link
    assert "overtaking.png" in page
    sizes = [path.stat().st_size for path in (finished / "docs" / "results").rglob("*") if path.is_file()]
    assert sum(sizes) < 1e6


def test_doing_it_again_changes_no_byte(finished, page):
    before = snapshot(finished / "docs")
    times = {path: path.stat().st_mtime_ns for path in (finished / "docs").rglob("*.*")}
    results = finished / "results" / "study"
    collected = collect(results, finished / "logs" / "study", ROOT, finished / "docs" / "results")
    assert snapshot(finished / "docs") == before
    assert {path: path.stat().st_mtime_ns for path in (finished / "docs").rglob("*.*")} == times
    assert make_page(collected) == page
    assert make_page(Collected(finished / "docs" / "results")) == page


def test_wall_clocks_are_of_one_simulation_alone(tmp_path):
    """Where many were made together: the totals are of how the MD was made, the samples are held against one alone."""
    results = write_study(tmp_path)
    for peptide in TEST:
        folder = results / "md" / peptide
        record = json.loads((folder / "md.json").read_text())
        made = record | {"platform": "CUDA", "threads": 14, "batched": 8}
        write_json(folder / "md.json", made)
        measured = {"platform": "Reference", "threads": 1, "picoseconds": 50.0, "seconds": 2.0, "ns_per_day": 2160.0}
        write_json(folder / "benchmark_single.json", record_single(made, measured))
    collected = collect(results, tmp_path / "logs" / "study", ROOT, tmp_path / "studies" / "implicit")
    assert collected.study["md"]["test"]["platforms"] == ["CUDA"]
    assert {one["platform"] for one in collected.study["test_md"].values()} == {"Reference"}
    interval = record["production"]["frame_interval_ps"]
    for one in collected.study["test_md"].values():
        assert one["seconds"] == pytest.approx(one["frames"] * interval / 25.0)
    page = make_page(collected)
    assert f"| {2160 / collected.cores(next(iter(TEST))):,.0f} |" in page
    assert "`make study-implicit`" in page
    assert "](implicit/figures/overtaking.png)" in page


def test_what_the_results_no_longer_have_goes(tmp_path):
    results = write_study(tmp_path)
    target = tmp_path / "docs" / "results"
    stale = [target / "data" / "msm" / "OLD.json", target / "figures" / "old" / "OLD.png"]
    for path in stale:
        path.parent.mkdir(parents=True)
        path.touch()
    (target / "notes.txt").touch()
    collect(results, tmp_path / "logs" / "study", ROOT, target)
    assert not any(path.exists() for path in stale)
    assert not (target / "figures" / "old").exists()
    assert (target / "notes.txt").exists()


def test_missing_pieces_are_told_and_not_fatal(tmp_path):
    results = write_study(tmp_path, replicas=1)
    for name in ("msm", "dynamics", "physicality"):
        for path in (results / "evaluation" / "default" / name).iterdir():
            path.unlink()
    summary = results / "evaluation" / "summary.csv"
    table = read_summary(summary)
    table["js_msm"] = table["speed_up"] = table["ms_per_sample"] = None
    table.to_csv(summary, index=False)
    for record in (results / "samples" / "default").rglob("sampling.json"):
        write_json(record, read_json(record) | {"threads": None})
    (results / "models" / "default" / "training.json").unlink()
    collected = collect(results, tmp_path / "nothing", tmp_path, tmp_path / "docs")
    page = make_page(collected)
    assert row_of(page, "JS, MSM macrostates")[4] == "no value"
    assert row_of(page, "speed-up in ESS a second, same cores")[4] == "no value"
    assert row_of(page, "JS, backbone torsions")[4].startswith("**met**")
    tables = {part.split("\n")[0]: "|" in part for part in page.split("\n## ")}
    assert (tables["Ablations"], tables["Compute"], tables["Wall clock"]) == (False, False, True)
    assert (torsion_table(collected) != "", bond_table(collected), training_table(collected)) == (True, "", "")
    card = make_card(collected, {})
    assert card["settings"] is None
    assert card["compute"] is None
    json.dumps(card, allow_nan=False)


def test_the_card_tells_what_the_files_tell(finished):
    card = make_card(Collected(finished / "docs" / "results"), {"name": "model.safetensors"})
    assert json.loads(json.dumps(card, allow_nan=False)) == card
    assert card["data"]["peptides"]["train"] == {"count": 3, "sequences": sorted(TRAIN)}
    assert card["data"]["peptides"]["test"]["sequences"] == sorted(TEST)
    assert card["data"]["md"]["train"]["ns"] == 6.0
    assert card["data"]["md"]["test"]["settings"][0]["forcefield"] == "amber99sbildn"
    assert card["settings"]["network"]["hidden_irreps"] == "8x0e + 4x1e"
    entries = {entry["metric"]: entry for entry in card["metrics"]["entries"]}
    assert entries["js_backbone"]["verdict"] == "met"
    assert entries["js_backbone"]["low"] < entries["js_backbone"]["mean"] < entries["js_backbone"]["high"]
    assert entries["js_backbone"]["md_self_distance"]["md_replicas"] > 0
    limits = " ".join(card["limits"])
    assert "capped peptides of 2 residues" in limits
    assert "Residues seen: ALA, GLY, SER; never seen: CYS, ASP" in limits
    assert "ALA at place 2" not in limits
    assert "SER at place 1" not in limits
    assert "amber99sbildn, implicit solvent, 300 K" in limits
    assert "sigma 0.04 nm" in limits
    assert "samples with a wrong chirality: 0.02" in limits
    assert "JS, backbone" not in limits
    assert card["metrics"]["unseen"] is True
    assert card["compute"][0]["core_hours"] == 4.0


def test_a_test_peptide_of_the_training_set_is_told(tmp_path):
    results = write_study(tmp_path)
    write_json(results / "peptides" / "NA.json", {"sequence": "GS", "form": "capped"})
    collected = collect(results, tmp_path / "logs" / "study", ROOT, tmp_path / "docs")
    assert not collected.unseen
    assert "**" in make_page(collected).split("\n| ")[0]
    assert "Some test peptides were seen in training" in " ".join(make_card(collected, {})["limits"])


def test_networks_that_were_only_trained_are_the_search(tmp_path):
    results = write_study(tmp_path)
    record = read_json(results / "models" / "default" / "training.json")
    for name, width, loss in (("search-narrow", 4, 0.31), ("search-wide", 16, 0.27)):
        network = record["network"] | {"radial_width": width}
        write_json(
            results / "models" / name / "training.json", record | {"network": network, "best_validation_loss": loss}
        )
    collected = collect(results, tmp_path / "logs" / "study", ROOT, tmp_path / "docs" / "results")
    table = collected.table("search")
    assert list(table["model"]) == ["search-wide", "search-narrow"]
    # What all have alike is left out.
    assert {"radial_width", "lmax"} & set(table) == {"radial_width"}
    assert row_of(make_page(collected), "search-wide")[1] == "16"
    assert row_of(make_page(collected), "search-wide")[-1] == "0.270"


def test_a_model_that_started_from_another_is_told_with_it(tmp_path):
    results = write_study(tmp_path)
    path = results / "models" / "default" / "training.json"
    record = read_json(path)
    first = {key: record[key] for key in ("training", "best_validation_loss")} | {"steps": 4000, "seconds": 7200.0}
    second = first | {"model": "second", "steps": 500, "seconds": 60.0, "initial": first | {"model": "first"}}
    write_json(path, record | {"initial": second})
    collected = collect(results, tmp_path / "logs" / "study", ROOT, tmp_path / "docs" / "results")
    page = make_page(collected)
    assert row_of(page, "first")[1:3] == ["4,000 of 32 frames", "2.00 h"]
    assert row_of(page, "second")[1:3] == ["500 of 32 frames", "60.0 s"]
    assert page.index("| first |") < page.index("| second |") < page.index("| default |")
    card = make_card(collected, {})
    assert card["settings"]["initial"]["initial"]["model"] == "first"
    assert "weights of earlier models: first, second. Their training peptides are not" in " ".join(card["limits"])


def test_the_shipped_model_is_the_trained_one(finished):
    results, collected = finished / "results" / "study", Collected(finished / "docs" / "results")
    target = finished / "models" / "study"
    assert ship(results, collected, target)
    before = snapshot(target)
    shipped = load_denoiser(target / "model.safetensors").denoiser.state_dict()
    trained = load_denoiser(results / "models" / "default" / "checkpoint.ckpt").denoiser.state_dict()
    assert all(torch.equal(shipped[name], value) for name, value in trained.items())
    card = read_json(target / "card.json")
    assert card["settings"]["sampling"] == read_content(target / "model.safetensors")["sampling"]
    assert card["settings"]["sampling"]["friction"] == 0.5
    assert card["file"]["bytes"] == (target / "model.safetensors").stat().st_size
    time = (target / "model.safetensors").stat().st_mtime_ns
    assert not ship(results, collected, target)
    assert snapshot(target) == before
    assert (target / "model.safetensors").stat().st_mtime_ns == time


def test_a_checkpoint_that_the_samples_are_not_of_is_not_shipped(tmp_path):
    results = write_study(tmp_path)
    collected = collect(results, tmp_path / "logs" / "study", ROOT, tmp_path / "docs")
    checkpoint = results / "models" / "default" / "checkpoint.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes() + b" ")
    with pytest.raises(StudyError, match="another checkpoint"):
        ship(results, collected, tmp_path / "models")
    assert not (tmp_path / "models").exists()


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """`python studies/capped_dipeptides` in a folder with a configuration: its exit code and what it says of errors."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "small.yaml").write_text(yaml.safe_dump({"dataset": "study"}))
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [str(STUDY), *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(STUDY / "__main__.py"), run_name="__main__")
        return ended.value.code or 0, capsys.readouterr().err

    return run


def test_one_command_does_all(tmp_path, command):
    write_study(tmp_path)
    assert command("all", "small") == (0, "")
    assert {path.name for path in (tmp_path / "models" / "small").iterdir()} == {"model.safetensors", "card.json"}
    file = tmp_path / "studies" / "capped_dipeptides" / "small.md"
    page = file.read_text()
    assert "](small/figures/overtaking.png)" in page
    file.unlink()
    assert command("page", "small") == (0, "")
    assert file.read_text() == page


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("collect", "small"), "no table of results yet"),
        (("page", "small"), "no collection yet"),
        (("collect", "none"), "no such configuration file"),
    ],
)
def test_errors_are_sentences(command, arguments, sentence):
    code, said = command(*arguments)
    assert code == 1
    assert sentence in said
    assert said.startswith("Error: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("study", [path.name for path in sorted(STUDY.iterdir()) if (path / "data").is_dir()])
def test_the_pages_are_those_of_their_files(study):
    """Pages, and the card of the model, are written by the command and not by hand."""
    collected = Collected(STUDY / study)
    assert (STUDY / f"{study}.md").read_text() == make_page(collected)
    if study == DEFAULT_MODEL:
        assert (ROOT / "docs" / "model.md").read_text() == make_page(collected, "model.md.j2")
    card = read_json(ROOT / "models" / study / "card.json")
    assert card == make_card(collected, card["file"])
