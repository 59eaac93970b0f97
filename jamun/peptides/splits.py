"""Which peptides are for training, validation and test. Imports nothing heavy."""

import os.path
import random
from collections.abc import Iterable
from pathlib import Path

from jamun.config.peptides import Form, PeptideSettings
from jamun.peptides.reading import STRUCTURE_SUFFIXES, SUFFIX_RULE, is_structure, structure_name
from jamun.peptides.sequences import (
    NAME_RULE,
    NO_FREE_AMINO_ACID,
    THREE_LETTER,
    Peptide,
    PeptideError,
    is_name,
    parse_sequence,
    read_table,
)
from jamun.peptides.structures import read_structure

SPLITS = ("train", "validation", "test")
# A greedy choice can paint itself into a corner when there is hardly room for every residue type; another order of
# the pool then helps about every other time, so this many all but surely do where it is possible at all.
_ORDERS_TRIED = 50
# The row of tables that holds means over peptides, and so no name of a test peptide.
NAME_OF_MEANS = "mean"


def dipeptides() -> list[Peptide]:
    """All 400 dipeptides of the 20 amino acids, in alphabetical order of their one-letter sequences."""
    letters = sorted(THREE_LETTER)
    return [parse_sequence(first + second) for first in letters for second in letters]


def _listed(entry: list[str] | str, where: str, root: Path) -> list[Peptide]:
    """The peptides of a list, or of a file relative to `root`."""
    if isinstance(entry, str):
        try:
            return read_table(root / entry)
        except PeptideError as error:
            raise PeptideError(f"{where}: {error}") from None
    peptides: list[Peptide] = []
    seen: dict[str, int] = {}
    for place, text in enumerate(entry, 1):
        try:
            peptide = parse_sequence(text)
        except PeptideError as error:
            raise PeptideError(f"{where}, entry {place}: {error}") from None
        if peptide.name in seen:
            raise PeptideError(f"{where}: entries {seen[peptide.name]} and {place} are both {peptide.name}.")
        seen[peptide.name] = place
        peptides.append(peptide)
    return peptides


def structure_files(structures: list[str] | str, root: Path) -> dict[str, Path]:
    """The file of each peptide by its name, that of the file: of files, or of those in a folder, in its order.

    Relative paths are taken from `root`, and come back as they were given. Raises PeptideError for a folder without
    structures, a file that is not there or no structure by its ending, a name that is none, or one name twice.
    """
    if isinstance(structures, str) and os.path.isdir(root / structures):
        there = sorted((root / structures).iterdir())
        found = [Path(structures) / path.name for path in there if is_structure(path)]
        if not found:
            raise PeptideError(
                f"peptides.structures: no file ends in {', '.join(STRUCTURE_SUFFIXES)} in the folder {structures}."
            )
    else:
        found = [Path(path) for path in ([structures] if isinstance(structures, str) else structures)]
    files: dict[str, Path] = {}
    for path in found:
        if not is_structure(path):
            raise PeptideError(
                f"peptides.structures: {path} does not end in .pdb; give a structure file ({SUFFIX_RULE}), or a folder "
                "of them."
            )
        if not os.path.isfile(root / path):
            raise PeptideError(f"peptides.structures: {path} is not there; correct the path.")
        name = structure_name(path)
        if not is_name(name):
            raise PeptideError(
                f"peptides.structures: {path} is the peptide's name too, so {NAME_RULE}; rename the file."
            )
        if name in files:
            raise PeptideError(f"peptides.structures: {files[name]} and {path} are both {name}; rename one of them.")
        files[name] = path
    return files


def _covered(members: list[Peptide]) -> set[tuple[int, str]]:
    """The (position, residue type) pairs that occur in `members`."""
    return {occurrence for peptide in members for occurrence in enumerate(peptide.residues)}


def _cover(order: list[Peptide], count: int) -> list[Peptide]:
    """At most `count` peptides of `order`, each the first of those that bring most new types, until none brings any."""
    members: list[Peptide] = []
    covered: set[tuple[int, str]] = set()
    while len(members) < min(count, len(order)):
        gains = [len(_covered([peptide]) - covered) for peptide in order]
        best = gains.index(max(gains))
        if gains[best] == 0:
            break
        members.append(order[best])
        covered |= _covered([order[best]])
    return members


def substrings(peptide: Peptide, length: int | None) -> set[tuple[str, ...]]:
    """The stretches of `length` residues in a row of `peptide`, in a ring those across its closing bond too; none for a
    length of None."""
    if length is None or length > len(peptide.residues):
        return set()
    chain = peptide.residues + (peptide.residues[: length - 1] if peptide.ring else ())
    return {chain[start : start + length] for start in range(len(chain) - length + 1)}


def _without(pool: list[Peptide], taken: Iterable[Peptide], length: int | None) -> list[Peptide]:
    """The peptides of `pool` that share no stretch of `length` residues with any of `taken`."""
    known = {stretch for peptide in taken for stretch in substrings(peptide, length)}
    return [peptide for peptide in pool if known.isdisjoint(substrings(peptide, length))]


def _check_unshared(splits: dict[str, list[Peptide]], length: int | None) -> None:
    """Raise PeptideError where two of the splits share a stretch of `length` residues."""
    owner: dict[tuple[str, ...], tuple[str, Peptide]] = {}
    for split, members in splits.items():
        for peptide in members:
            for stretch in sorted(substrings(peptide, length)):
                other, holder = owner.setdefault(stretch, (split, peptide))
                if other != split:
                    raise PeptideError(
                        f"peptides: {holder.letters} in {other} and {peptide.letters} in {split} share {length} "
                        "residues in a row, which peptides.unshared_substring forbids; leave one of them out."
                    )


def draw(
    pool: list[Peptide],
    counts: dict[str, int],
    seed: int,
    unshared: int | None = None,
    taken: dict[str, list[Peptide]] | None = None,
    form: Form = "capped",
) -> dict[str, list[Peptide]]:
    """Draw disjoint splits of the sizes `counts` from `pool`, the same for the same seed.

    No two splits, those already `taken` included, share a stretch of `unshared` residues. `form` is the usual one.

    The training split comes first, and while it has room it takes peptides that bring a residue type to a position
    where none of its peptides has that type yet; so every type occurs at every position where counts and pool allow.
    A sequence that `pool` holds under several names is drawn under the first of them only: it must not reach two
    splits. Raises PeptideError if the pool is too small.
    """
    pool = list({peptide.molecule(form): peptide for peptide in reversed(pool)}.values())
    if sum(counts.values()) > len(pool):
        raise PeptideError(
            f"peptides: the splits ask for {sum(counts.values())} peptides, but the pool has {len(pool)} different "
            "sequences that are in no other split; ask for fewer or widen peptides.pool."
        )
    remaining = sorted(pool, key=lambda peptide: peptide.name)
    shuffler = random.Random(seed)
    shuffler.shuffle(remaining)
    drawn: dict[str, list[Peptide]] = {}
    for split in (split for split in SPLITS if split in counts):
        members: list[Peptide] = []
        others = [peptide for chosen in ((taken or {}) | drawn).values() for peptide in chosen]
        remaining = _without(remaining, others, unshared)
        if split == "train":
            longest = max((len(peptide.residues) for peptide in remaining), default=0)
            possible = min(len(_covered(remaining)), counts[split] * longest)
            members = _cover(remaining, counts[split])
            for _ in range(_ORDERS_TRIED):
                if len(_covered(members)) >= possible:
                    break
                order = shuffler.sample(remaining, len(remaining))
                members = max(members, _cover(order, counts[split]), key=lambda chosen: len(_covered(chosen)))
            remaining = [peptide for peptide in remaining if peptide not in members]
        missing = counts[split] - len(members)
        if missing > len(remaining):
            raise PeptideError(
                f"peptides: {split} asks for {counts[split]} peptides, but only {len(members) + len(remaining)} of the "
                f"pool share no {unshared} residues in a row with another split; ask for fewer or widen peptides.pool."
            )
        members += remaining[:missing]
        remaining = remaining[missing:]
        drawn[split] = members
    return drawn


def resolve_splits(settings: PeptideSettings, root: Path) -> dict[str, list[Peptide]]:
    """The peptides of each split: ``{"train": [...], "validation": [...], "test": [...]}``.

    Files are relative to `root`. Splits given as lists or files are taken as they are; counts are then drawn from the
    pool without the sequences already taken; peptides given as structures join the test peptides. Raises PeptideError
    for a bad file or entry, one sequence (or a forbidden stretch of one) in two splits, two sequences of one name, a
    pool too small, an uncapped single residue, or no peptide at all, and as `structure_files` and `read_structure`.
    """
    form = settings.form
    structures = structure_files(settings.structures, root)
    given = [read_structure(root / path).peptide(name) for name, path in structures.items()]
    fixed = {
        split: _listed(getattr(settings, split), f"peptides.{split}", root)
        for split in SPLITS
        if not isinstance(getattr(settings, split), int)
    }
    counts = {split: getattr(settings, split) for split in SPLITS if split not in fixed}
    owner: dict[str, str] = {}
    names: dict[str, str] = {}
    for split, members in fixed.items():
        for peptide in members:
            if owner.setdefault(peptide.molecule(form), split) != split:
                raise PeptideError(
                    f"peptides: {peptide.letters} is in both {owner[peptide.molecule(form)]} and {split}; leave it in "
                    "one, or the evaluation is on peptides seen in training."
                )
            if names.setdefault(peptide.name, split) != split:
                raise PeptideError(f"peptides: {split} and {names[peptide.name]} both have a peptide {peptide.name!r}.")
    for peptide in given:
        if owner.setdefault(peptide.molecule(form), "test") != "test":
            raise PeptideError(
                f"peptides: the sequence of structure {peptide.name} is in {owner[peptide.molecule(form)]} too; leave "
                "it in one, or the evaluation is on peptides seen in training."
            )
        if peptide.name in names:
            raise PeptideError(
                f"peptides: structures and {names[peptide.name]} both have a peptide {peptide.name!r}; rename the file."
            )
    pool = dipeptides() if settings.pool == "dipeptides" else _listed(settings.pool, "peptides.pool", root)
    taken = set(owner)
    taken_names = names.keys() | {peptide.name for peptide in given}
    free = [peptide for peptide in pool if peptide.molecule(form) not in taken and peptide.name not in taken_names]
    known = fixed | {"test": fixed.get("test", []) + given}
    drawn = draw(free, counts, settings.split_seed, settings.unshared_substring, known, form)
    splits = {split: (fixed | drawn)[split] for split in SPLITS}
    _check_unshared(splits | {"test": splits["test"] + given}, settings.unshared_substring)
    if any(peptide.name == NAME_OF_MEANS for peptide in splits["test"] + given):
        raise PeptideError(
            f"peptides.test: {NAME_OF_MEANS!r} is what tables call the mean over peptides; rename the peptide."
        )
    if not any(splits.values()) and not given:
        raise PeptideError("peptides: no peptide in any split; list some under train, validation or test.")
    for split, members in splits.items():
        for peptide in members:
            if len(peptide.residues) == 1 and peptide.form(form) == "uncapped":
                raise PeptideError(f"peptides.{split}: {NO_FREE_AMINO_ACID.format(peptide.name)}")
    return splits | {"test": splits["test"] + given}
