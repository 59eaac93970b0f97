"""Where files are looked for, and the settings of a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from jamun.config import ConfigurationError, parse
from jamun.config.source import SourceSettings
from jamun.trajectories.sources import SourceError, SourceFiles, locate, read_files_table


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")


def table(folder: Path, *rows: str, head: str = "peptide,topology,trajectory,frame_interval_ps") -> SourceSettings:
    (folder / "set").mkdir(exist_ok=True)
    (folder / "set" / "table.csv").write_text("\n".join([head, *rows]) + "\n")
    return SourceSettings(kind="files", table="set/table.csv")


def test_timewarp_files(tmp_path):
    touch(tmp_path, "set/AW-traj-state0.pdb", "set/AW-traj-arrays.npz")
    found = locate(SourceSettings(kind="timewarp", folder="set", frame_interval=1.0), ["AW"], tmp_path)
    assert found == {"AW": SourceFiles(Path("set/AW-traj-state0.pdb"), (Path("set/AW-traj-arrays.npz"),))}


def test_mdgen_files(tmp_path):
    touch(tmp_path, "AW/AW.pdb", "AW/AW.xtc", "AW/AW_i100.xtc", "GS/GS.pdb", "GS/b.xtc", "GS/a.xtc")
    found = locate(SourceSettings(kind="mdgen", folder=str(tmp_path)), ["AW", "GS"], Path("elsewhere"))
    assert found["AW"].trajectories == (tmp_path / "AW/AW.xtc",)
    assert [path.name for path in found["GS"].trajectories] == ["a.xtc", "b.xtc"]


def test_a_bias_is_a_file_of_the_peptide(tmp_path):
    touch(tmp_path, "set/aw.pdb", "set/aw.xtc", "set/gs.pdb", "set/gs.xtc")
    head = "peptide,topology,trajectory,bias"
    settings = table(tmp_path, "AW,aw.pdb,aw.xtc,aw.json", "GS,gs.pdb,gs.xtc,", head=head)
    with pytest.raises(SourceError, match=r"set/aw\.json: no such file, but it is peptide AW"):
        locate(settings, ["AW"], tmp_path)
    touch(tmp_path, "set/aw.json")
    found = locate(settings, ["AW", "GS"], tmp_path)
    assert (found["AW"].bias, found["GS"].bias) == (Path("set/aw.json"), None)


def test_table_of_files(tmp_path):
    touch(tmp_path, "set/aw.gro", "set/r1.xtc", "set/r2.xtc")
    settings = table(tmp_path, "AW,aw.gro,r1.xtc; r2.xtc,0.5", "GS,gs.pdb,gs.dcd,")
    found = locate(settings, ["AW"], tmp_path)  # what nothing asks for need not be there
    assert found["AW"] == SourceFiles(Path("set/aw.gro"), (Path("set/r1.xtc"), Path("set/r2.xtc")), 0.5)
    # A configuration may list it as ALA-TRP too.
    assert locate(table(tmp_path, "ALA-TRP,aw.gro,r1.xtc; r2.xtc,0.5"), ["AW"], tmp_path) == found


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "timewarp", "folder": "none", "frame_interval": 1}, r"none: no such folder; set source\.folder"),
        ({"kind": "timewarp", "folder": "set", "frame_interval": 1}, r"set/AW-traj-state0\.pdb: no such file, .* AW"),
        ({"kind": "mdgen", "folder": "set"}, r"set/AW/AW\.xtc: no such file"),
        ({"kind": "files", "table": "none.csv"}, r"none\.csv: no such file; set source\.table"),
    ],
)
def test_missing_files_are_named(tmp_path, settings, words):
    touch(tmp_path, "set/AW/AW.pdb")
    with pytest.raises(SourceError, match=words):
        locate(SourceSettings(**settings), ["AW"], tmp_path)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["GS,gs.pdb,gs.xtc,"], r"no row for peptide AW, .* \(1 of 1 are not listed\)"),
        (["AW,aw.pdb,,"], "row 2: trajectory is empty"),
        (["AW,aw.pdb"], "row 2: trajectory is empty"),
        (["AW,aw.pdb,a.xtc,", "AW,aw.pdb,b.xtc,"], "row 3: peptide AW is listed twice"),
        (["AW,aw.pdb,a.xtc;a.xtc,"], "row 2: one trajectory is listed twice"),
        (["AW,aw.pdb,a.mp4,"], r"row 2: a\.mp4 is not of a format that is read"),
        (["AW,aw.pdb,a.xtc,fast"], "row 2: frame_interval_ps is 'fast'"),
        (["AW,aw.pdb,a.xtc,-1"], "row 2: frame_interval_ps is '-1'"),
    ],
)
def test_bad_rows_are_named(tmp_path, rows, words):
    with pytest.raises(SourceError, match=rf"set/table\.csv.*{words}"):
        locate(table(tmp_path, *rows), ["AW"], tmp_path)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_table_of_excel(tmp_path, delimiter):
    rows = (["Peptide", "Topology", "Trajectory"], ["AW", "aw.pdb", "aw.XTC"], ["", "", ""])
    (tmp_path / "table.csv").write_bytes("\r\n".join(delimiter.join(row) for row in rows).encode("utf-16"))
    assert read_files_table(tmp_path / "table.csv") == {
        "AW": SourceFiles(tmp_path / "aw.pdb", (tmp_path / "aw.XTC",), None)
    }


def test_a_table_without_its_columns(tmp_path):
    with pytest.raises(SourceError, match="no column 'topology' in the first row"):
        locate(table(tmp_path, head="peptide,file"), ["AW"], tmp_path)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"kind": "timewarps"}, "source.kind: must be"),
        ({"foldr": "x"}, "source.foldr is not a known key (did you mean folder?)"),
        ({"folder": "x"}, "source: folder applies to imported trajectories only"),
        ({"stride": 2}, "source: stride applies to imported trajectories only"),
        ({"kind": "mdgen"}, "source: kind mdgen needs folder"),
        ({"kind": "files"}, "source: kind files needs table"),
        ({"kind": "files", "table": "t.csv", "folder": "x"}, "source: kind files reads table, not folder"),
        ({"kind": "mdgen", "folder": "x", "table": "t.csv"}, "source: kind mdgen reads folder, not table"),
        ({"kind": "timewarp", "folder": "x"}, "source: kind timewarp needs frame_interval"),
        ({"kind": "mdgen", "folder": "x", "stride": 0}, "source.stride"),
        ({"kind": "mdgen", "folder": "x", "frame_interval": "2 nm"}, "source.frame_interval: '2 nm' is not a time"),
        ({"kind": "mdgen", "folder": "x", "length_unit": "inch"}, "source.length_unit"),
    ],
)
def test_impossible_settings_are_one_sentence(source, words):
    with pytest.raises(ConfigurationError) as caught:
        parse({"source": source}, "mine.yaml")
    assert f"mine.yaml: {words}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_default_is_a_simulation_here():
    source = parse({}).source
    assert source.kind == "simulation"
    assert not source.imported
    assert parse({"source": source.model_dump(mode="json")}).source == source
