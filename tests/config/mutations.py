"""Seeded mutations of configurations: what people mistype, what programs write, and what someone tries on purpose.

A mutation is a function of a configuration (a mapping, free to be changed) and a random generator; it gives back what
the file then holds: a mapping or, for files that are no such thing, text or bytes. Leaves and sections are found by
walking the pydantic tree, so that new keys are mutated too.
"""

from __future__ import annotations

import copy
import datetime
import random
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from jamun.config import Configuration
from jamun.config.base import members

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Leaf:
    """A key of the configuration: where it is and the types that it may have."""

    path: Path
    types: tuple[Any, ...]

    def is_of(self, *types: type) -> bool:
        return any(member in types for member in self.types)


def tree(section: type[BaseModel] = Configuration, path: Path = ()) -> Iterator[Leaf | Path]:
    """Every section, as its path, and every leaf; items of lists of sections and free names have one example each."""
    yield path
    for name, field in section.model_fields.items():
        for member in members(field.annotation):
            origin, arguments = typing.get_origin(member), typing.get_args(member)
            inner = arguments[-1] if arguments else member
            here = {list: (0,), dict: ("test" if name == "splits" else "mutant",)}.get(origin, ())
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from tree(inner, (*path, name, *here))
                break
        else:
            yield Leaf((*path, name), tuple(members(field.annotation)))


LEAVES = [node for node in tree() if isinstance(node, Leaf)]
SECTIONS = [node for node in tree() if isinstance(node, tuple)]


def put(configuration: dict, path: Path, value: Any) -> dict:
    """Set the key at `path`, with what is missing on the way to it."""
    here: Any = configuration
    for part, following in pairwise(path):
        if isinstance(here, list):
            if not here:
                here.append({"ensemble": "NVT", "duration": 1.0})
            part = 0
        elif not isinstance(here.get(part), (dict, list)):
            here[part] = [] if isinstance(following, int) else {}
        here = here[part]
    if isinstance(here, list):
        here[:] = [value, *here[1:]]
    else:
        here[path[-1]] = value
    return configuration


def section_at(rng: random.Random) -> Path:
    return rng.choice(SECTIONS)


LOOK_ALIKES = {"a": "\u0430", "e": "\u0435", "o": "\u043e", "p": "\u0440", "i": "\u0456", "s": "\u0455", "A": "\u0391"}
STRANGE = [
    "",
    " ",
    ".",
    "..",
    "../x",
    "../../../../tmp/x",
    "/tmp/x",
    "a/b",
    "a\\b",
    "~",
    "~/x",
    "$HOME",
    "%2e%2e%2f",
    ".hidden",
    "-rf",
    "a\0b",
    "a\nb",
    "a\n",
    "a\rb",
    "a\tb",
    "\x1b[31mred",
    "\u202egnp",
    "\ud800",
    "\ufeffa",
    "naïve",
    "\u0430bc",
    "😀",
    "ﬁ",
    "ß",
    "x" * 65,
    "x" * 100_000,
    "a b",
    "a;b",
    "`id`",
    "$(id)",
    "{peptide}",
    "{wildcards.x}",
    "{0}",
    "%s",
    "*",
    "con|nul",
    "!!python/object:os.system",
    "NaN",
    "null",
]
WRONG = {
    int: [
        "many",
        "8",
        "1_000",
        1.5,
        True,
        None,
        [],
        [1],
        {},
        {"value": 1},
        "1 fs",
        b"1",
        datetime.date(2026, 11, 24),
        1j,
    ],
    float: ["much", "0.1", "1,5", True, None, [], [0.1], {}, "0.1 parsec", "4 furlong/fortnight", "nm", b"1", {1, 2}],
    bool: ["yes", "true", 1, 0, 1.0, None, [], {}],
    str: [0, 1, 1.5, True, False, None, [], ["x"], {}, {"x": 1}, datetime.date(2026, 11, 24), b"x", ("x",)],
    list: ["x", 1, 1.5, True, None, {}, {"x": 1}, {"x"}, [[]], [{}], [None], [True], [1.5], [b"x"], [["AA"]]],
    dict: ["x", 1, 1.5, True, None, [], ["x"], {1: 2}, {None: 1}, {(1, 2): 3}, {"mutant": 1}, {"../x": {}}, {"": {}}],
}
NUMBERS = [
    float("nan"),
    float("inf"),
    float("-inf"),
    -1,
    -0.5,
    -(10**30),
    10**30,
    10**400,
    10**5000,
    1e300,
    1e400,
    "1e400",
    "-1e5",
    "1e-400",
    2**63,
    "1e30",
    1e-300,
]


def wrong_type(configuration: dict, rng: random.Random) -> Any:
    leaf = rng.choice(LEAVES)
    kinds = [typing.get_origin(member) or member for member in leaf.types]
    return put(
        configuration,
        leaf.path,
        copy.deepcopy(rng.choice(WRONG[rng.choice([k if k in WRONG else str for k in kinds])])),
    )


def wrong_section(configuration: dict, rng: random.Random) -> Any:
    path = section_at(rng)
    value = copy.deepcopy(rng.choice(WRONG[dict]))
    return put(configuration, path, value) if path else value


def wrong_number(configuration: dict, rng: random.Random) -> Any:
    numbers = [leaf for leaf in LEAVES if leaf.is_of(int, float)]
    return put(configuration, rng.choice(numbers).path, rng.choice(NUMBERS))


def number_in_list(configuration: dict, rng: random.Random) -> Any:
    lists = [leaf for leaf in LEAVES if any(typing.get_origin(member) is list for member in leaf.types)]
    return put(configuration, rng.choice(lists).path, [rng.choice(NUMBERS), rng.choice(NUMBERS)])


def wrong_unit(configuration: dict, rng: random.Random) -> Any:
    floats = [leaf for leaf in LEAVES if leaf.is_of(float)]
    unit = rng.choice(
        ["fs", "nm", "K", "bar", "amu", "M", "1/ps", "parsec", "Å", "µs", "kJ", "nm nm", "1", "ns\n", "fs\0"]
    )
    return put(configuration, rng.choice(floats).path, f"{rng.choice([1, 0.3, '-2', 'one', '1e99', ''])} {unit}")


def strange_text(configuration: dict, rng: random.Random) -> Any:
    texts = [
        leaf for leaf in LEAVES if leaf.is_of(str) or any(typing.get_origin(m) is typing.Literal for m in leaf.types)
    ]
    return put(configuration, rng.choice(texts).path, rng.choice(STRANGE))


def strange_item(configuration: dict, rng: random.Random) -> Any:
    lists = [leaf for leaf in LEAVES if any(typing.get_origin(member) is list for member in leaf.types)]
    return put(configuration, rng.choice(lists).path, ["AA", rng.choice(STRANGE)])


def unknown_key(configuration: dict, rng: random.Random) -> Any:
    return put(
        configuration,
        (*section_at(rng), rng.choice([*STRANGE, "verbose", "Dataset", "sigma_nm"])),
        rng.choice([1, {}, None]),
    )


def misspelt_key(configuration: dict, rng: random.Random) -> Any:
    leaf = rng.choice(LEAVES)
    key = str(leaf.path[-1])
    place = rng.randrange(len(key))
    spelt = rng.choice(
        [
            key[:place] + key[place + 1 :],
            key[:place] + key[place] * 2 + key[place + 1 :],
            key.upper(),
            key + " ",
            key.replace("_", "-") + "s",
            "".join(LOOK_ALIKES.get(letter, letter) for letter in key) + "\u200b",
        ]
    )
    return put(configuration, (*leaf.path[:-1], spelt), 1)


def key_no_word(configuration: dict, rng: random.Random) -> Any:
    keys = [1, 1.5, True, None, datetime.date(2026, 1, 1), (1, 2), b"x", 10**5000]
    return put(configuration, (*section_at(rng), rng.choice(keys)), 1)


def bad_name(configuration: dict, rng: random.Random) -> Any:
    name = rng.choice([*STRANGE, False, 2026, datetime.date(2026, 11, 24)])
    where = rng.choice(["dataset", "model", "models", "ablation", "splits"])
    if where in ("dataset", "model"):
        return put(configuration, (where,), name)
    if where == "ablation":
        return put(configuration, ("ablation", "variants"), {name: {"friction": 2.0}})
    return put(configuration, (where,), {name: {}})


def difference(configuration: dict, rng: random.Random) -> Any:
    """A wrong key or value where a model or a split differs from the rest."""
    part, section = rng.choice(
        [(("models", "mutant"), "network"), (("models", "mutant"), "training"), (("splits", "test"), "simulate")]
    )
    leaf = rng.choice([leaf for leaf in LEAVES if leaf.path[0] == section and len(leaf.path) == 2])
    value = rng.choice([*NUMBERS, "x", None, [], {"x": {}}, True])
    return put(configuration, (*part, section), {rng.choice([leaf.path[1], f"{leaf.path[1]}s", 3]): value})


def peptides(configuration: dict, rng: random.Random) -> Any:
    """Lists that hold what is no sequence, twice the same, or the same in two splits."""
    split = rng.choice(["train", "validation", "test"])
    bad = rng.choice(
        [
            ["AA", "AA"],
            ["A" * 11],
            ["A" * 100_000],
            ["AB"],
            ["A-"],
            ["ALA-ALX"],
            ["A/../B"],
            ["../AA"],
            ["AA\0"],
            ["ＡＡ"],
            ["ß"],
            ["ﬁ"],
            ["😀"],
            ["\u0410A"],
            [False],
            [1],
            [None],
            [["AA"]],
            [{}],
            [""],
            [" "],
            ["AA", "ALA-ALA"],
            "no_such_file.csv",
            "no\0such.csv",
            "x" * 5000 + ".csv",
            ".",
            "/dev/zero",
            "broken.csv",
            "latin.csv",
            "climbs.csv",
            "twice.csv",
            "empty.csv",
            "wide.csv",
            "header.csv",
            "binary.csv",
            "broken.fasta",
            401,
            -1,
            10**30,
            1.5,
            True,
            float("nan"),
        ]
    )
    if rng.random() < 0.3:
        shared = rng.choice(["AA", "WW", "ALA-TRP"])
        configuration["peptides"].update({"train": [shared, "GG"], "validation": ["SS"], "test": [shared.lower()]})
        return configuration
    return put(configuration, ("peptides", split), bad)


def files(configuration: dict, rng: random.Random) -> Any:
    """Files that are named and are not there, or are something else."""
    path = rng.choice(
        ["none.x", "../none.x", "/none/x", "no\0ne", "x" * 5000, ".", "", "/dev/null", "nøne", "a\nb", "{x}", "~/x"]
    )
    kind = rng.randrange(7)
    if kind == 0:
        configuration["models"] = {"mutant": {"checkpoint": path}}
    elif kind == 1:
        configuration |= {"checkpoint": path, "model": "mutant"}
    elif kind == 2:
        put(configuration, ("sampling", "starts"), [rng.choice(["{peptide}", "{peptid}/", ""]) + path])
    elif kind == 3:
        configuration["source"] = {"kind": "files", "table": path}
    elif kind == 4:
        configuration["source"] = {"kind": "mdgen", "folder": path}
    elif kind == 5:
        configuration["source"] = {"kind": "timewarp", "folder": path, "frame_interval": 1.0}
    else:
        put(configuration, ("peptides", rng.choice(["train", "pool", "structures"])), path)
        configuration["peptides"]["validation"] = 5
    return configuration


def tables(configuration: dict, rng: random.Random) -> Any:
    """Tables of imported trajectories that point at strange places, or are no tables."""
    names = ["gone", "climbs", "format", "twice", "columns", "empty", "interval", "wide", "latin", "nul"]
    configuration["source"] = {"kind": "files", "table": f"table_{rng.choice(names)}.csv"}
    return configuration


def deep(configuration: dict, rng: random.Random) -> Any:
    value: Any = 1
    for _ in range(rng.choice([3, 50, 400])):
        value = rng.choice([lambda v: {"x": v}, lambda v: [v]])(value)
    return put(configuration, rng.choice([section_at(rng), rng.choice(LEAVES).path]) or ("x",), value)


def shared(configuration: dict, rng: random.Random) -> Any:
    """A small file that is a huge mapping: references to lists of references; or one that holds itself."""
    value: list = ["x"] * 9
    for _ in range(12):
        value = [value] * 9
    if rng.random() < 0.3:
        value.append(value)
    return put(configuration, rng.choice([rng.choice(LEAVES).path, section_at(rng) or ("x",)]), value)


def no_yaml(configuration: dict, rng: random.Random) -> Any:
    """Files that are no YAML, or no mapping."""
    return rng.choice(
        [
            b"dataset: caf\xe9\n",
            b"\xff\xfe\x00d",
            b"dataset: a\x00b\n",
            "- dataset\n",
            "dataset\n",
            "3\n",
            "[1, 2\n",
            "dataset: [\n",
            "dataset: a: b\n",
            "\tdataset: a\n",
            "dataset: !!python/object/apply:os.system ['id']\n",
            "dataset: !unknown x\n",
            "dataset: *nowhere\n",
            "? [a, b]\n: 1\n",
            "dataset: 2026-13-45\n",
            "sampling: {seed: " + "9" * 5000 + "}\n",
            "x: " + "[" * 5000 + "]" * 5000 + "\n",
            "peptides: &p {train: *p}\n",
            "%YAML 9.9\n---\ndataset: a\n",
            "---\ndataset: a\n---\ndataset: b\n",
            "",
            "null\n",
            "a" * 300_000,
        ]
    )


MUTATIONS: list[Callable[[dict, random.Random], Any]] = [
    wrong_type,
    wrong_section,
    wrong_number,
    number_in_list,
    wrong_unit,
    strange_text,
    strange_item,
    unknown_key,
    misspelt_key,
    key_no_word,
    bad_name,
    difference,
    peptides,
    files,
    tables,
    deep,
    shared,
    no_yaml,
]


def write_bad_files(folder) -> None:
    """The files that mutations name."""
    texts = {
        "broken.csv": "sequence\nAB\n",
        "climbs.csv": "sequence,name\nAA,../../x\n",
        "twice.csv": "sequence,name\nAA,a\nGG,a\n",
        "empty.csv": "",
        "header.csv": "peptide\nAA\n",
        "wide.csv": "sequence\n" + "A" * 200_000 + "\n",
        "broken.fasta": "AA\n>x\nGG\n",
        "table_gone.csv": "peptide,topology,trajectory\nAA,gone.pdb,gone.xtc\n",
        "table_climbs.csv": "peptide,topology,trajectory\n../AA,../../x.pdb,/etc/passwd\n",
        "table_format.csv": "peptide,topology,trajectory\nAA,a.pdb,a.pickle\n",
        "table_twice.csv": "peptide,topology,trajectory\nAA,a.pdb,a.xtc\nAA,a.pdb,a.xtc\n",
        "table_columns.csv": "name,file\nAA,a.pdb\n",
        "table_empty.csv": "peptide,topology,trajectory\nAA,,a.xtc\n",
        "table_interval.csv": "peptide,topology,trajectory,frame_interval_ps\nAA,a.pdb,a.xtc,\x1b[2Jnan\n",
        "table_wide.csv": "peptide,topology,trajectory\n" + "A" * 200_000 + ",a.pdb,a.xtc\n",
        "table_nul.csv": "peptide,topology,trajectory\nAA,a\0.pdb,a.xtc\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    for name in ("latin.csv", "table_latin.csv"):
        (folder / name).write_bytes(b"sequence\ncaf\xe9\n")
    (folder / "binary.csv").write_bytes(bytes(range(256)) * 40)
