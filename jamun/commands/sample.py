"""One peptide sampled by a trained denoiser without the workflow, its samples described and drawn."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError

from jamun.config.configuration import Configuration
from jamun.config.errors import sentence
from jamun.config.sampling import SamplingSettings
from jamun.data.molecule import Molecule as Atoms
from jamun.data.trained_on import trained_on_such
from jamun.evaluation.describe_samples import describe_to_files
from jamun.evaluation.pair import Files
from jamun.figures import to_files
from jamun.io.atomic import publish, read_json
from jamun.io.disk import file_sha256
from jamun.io.files import AllAtomFiles, SamplingFiles
from jamun.io.log import UserError
from jamun.io.text import one_line
from jamun.model.checkpoint import read_content
from jamun.model.score import NetworkScore
from jamun.peptides.build import build_to_files
from jamun.peptides.given import take_structure_to_files
from jamun.peptides.reading import structure_name
from jamun.peptides.sequences import parse_sequence
from jamun.sampling.all_atoms import all_atoms_to_files
from jamun.sampling.run import changed_since, refuse_other_samples, sample_to_files
from jamun.sampling.starts import read_start, read_starts, start_files

logger = logging.getLogger(__name__)

# A minute or two on two cores.
FEW_SAMPLES = 1_500


class SampleFiles(SamplingFiles):
    """The files of one peptide's samples, and beside them what describes the samples."""

    @property
    def description(self) -> Path:
        """JSON: torsions and geometry of the samples."""
        return self.record.with_name("samples.json")

    @property
    def histograms(self) -> Path:
        """NPZ: histograms that belong to the description."""
        return self.record.with_name("samples.npz")

    @property
    def ramachandran(self) -> Path:
        """PNG; a PDF lies beside it."""
        return self.record.with_name("ramachandran.png")


def sampling_settings(settings: Configuration, weights: Path, samples: int | None) -> SamplingSettings:
    """Settings of a sampling with the model in the file `weights`; as many samples as they say without `samples`.

    A key that the configuration sets has its value. Any other has that of the model, if it brings one, or the default:
    fewer samples than the workflow draws, and so few chains that none takes longer to burn in than to sample. Raises
    CheckpointError for a file that is no checkpoint of this program, UserError where both do not go together.
    """
    if samples is not None and samples < 2:
        raise UserError(f"{samples} samples: an ensemble needs at least two.")
    given = settings.sampling.model_fields_set
    # A file that is missing is told where it is loaded.
    own: dict[str, Any] = read_content(weights).get("sampling", {}) if weights.exists() else {}
    set_here = {key: value for key, value in settings.sampling.of_a_model().items() if key in given}
    replaced = sorted(key for key in own.keys() & set_here.keys() if own[key] != set_here[key])
    if replaced:
        keys = ", ".join(f"sampling.{key}" for key in replaced)
        logger.warning("%s: as the configuration says, not as the model %s brings it.", keys, weights)
    changed = {key: value for key, value in (own | {"samples": FEW_SAMPLES}).items() if key not in given}
    if samples is not None:
        changed["samples"] = samples
    count = changed.get("samples", settings.sampling.samples)
    changed["chains"] = min(changed.get("chains", settings.sampling.chains), count)
    try:
        found = settings.sampling.with_changes(changed)
    except ValidationError as error:
        told = one_line(sentence(error, SamplingSettings, ("sampling",)))
        raise UserError(
            f"{weights}: what the model brings does not go with the configuration's section sampling ({told}); set "
            "more of its keys there."
        ) from None
    if found.burn_in and "chains" not in given:
        few = max(1, count * found.stride // found.burn_in)
        found = found.model_copy(update={"chains": min(found.chains, few)})
    return found


@dataclass(frozen=True)
class Molecule:
    """What is sampled: the peptide's name, the structures that chains start from, and the built one where there is."""

    name: str
    starts: Sequence[Path]
    built: Path | None = None

    @classmethod
    def from_sequence(cls, sequence: str, settings: Configuration, sampling: SamplingSettings, out: Path) -> "Molecule":
        """A peptide that is built into `out`. Raises PeptideError for a sequence that cannot be built, UserError where
        `out` holds something else, which stays as it is."""
        peptide = parse_sequence(sequence)
        built = out / f"{peptide.name}.pdb"
        with TemporaryDirectory() as name:
            new = Path(name) / built.name
            build_to_files(peptide, settings.peptides.form, settings.peptides.ph, new, new.with_suffix(".json"))
            refuse_other_samples(SamplingFiles.in_folder(out), peptide.name, read_start(new).topology)
            for path in (new, new.with_suffix(".json")):
                publish(path, out / path.name)
        return cls(peptide.name, start_files(sampling.starts, peptide.name) or [built], built)

    @classmethod
    def from_structures(cls, paths: Sequence[Path]) -> "Molecule":
        """The peptide in structure files, which chains start from in turn. Raises UserError for a missing one."""
        for path in paths:
            if not path.is_file():
                raise UserError(f"{path}: no such structure file; correct the path.")
        return cls(structure_name(paths[0]), paths)


def write_all_atoms(molecule: Molecule, settings: Configuration, out: Path) -> None:
    """Write the samples in `out` with hydrogens; those of a structure are placed as `peptides.ph` has them. Raises
    UserError, as `take_structure_to_files` and `all_atoms_to_files` do."""
    files = SamplingFiles.in_folder(out), AllAtomFiles.in_folder(out)
    if molecule.built is not None:
        all_atoms_to_files(molecule.built, *files)
        return
    with TemporaryDirectory() as name:
        whole = Path(name) / "peptide.pdb"
        take_structure_to_files(
            molecule.starts[0], molecule.name, settings.peptides.ph, whole, whole.with_suffix(".json")
        )
        all_atoms_to_files(whole, *files)


def _tell_of_others(molecule: Molecule, score: NetworkScore) -> None:
    """Log which models that come with the program were trained on such a peptide, where this one was not."""
    start = read_start(molecule.starts[0])
    atoms = Atoms.from_topology(start.topology, start.xyz[0])
    others = trained_on_such(atoms) if score.outside(atoms) else []
    if others:
        logger.warning(
            "%s: another model was trained on such peptides: --model %s.", molecule.name, " or ".join(others)
        )


def sample_peptide(
    molecule: Molecule,
    weights: Path,
    sampling: SamplingSettings,
    settings: Configuration,
    out: Path,
    threads: int | None = None,
) -> SampleFiles:
    """Sample into `out`, describe the samples, and draw their Ramachandran map.

    What a run that stopped saved in the folder `work` of `out` is gone on from. Without `threads` all cores of this
    process are used. Raises UserError for starts of two sources, and as `sample_to_files` and `describe_to_files` do.
    """
    if molecule.built is None and sampling.starts:
        raise UserError(
            "sampling.starts of the configuration names structures to start from, and so do those given here (--pdb); "
            "give one of the two."
        )
    files = SampleFiles.in_folder(out)
    score = NetworkScore.read(weights)
    _tell_of_others(molecule, score)
    sample_to_files(
        score,
        molecule.starts,
        molecule.name,
        sampling,
        files,
        threads=threads or len(os.sched_getaffinity(0)),
        built=molecule.built,
    )
    if sampling.hydrogens:
        write_all_atoms(molecule, settings, out)
    # As in results/{dataset}/models/{model}/checkpoint.ckpt.
    names = {"dataset": out.name, "model": weights.resolve().parent.name, "peptide": molecule.name}
    samples = Files(files.samples, files.topology, files.record)
    describe_to_files(samples, files.topology, names, settings.evaluation, files.description, files.histograms)
    described = {"result": files.description, "arrays": files.histograms}
    pictures = {"png": files.ramachandran, "pdf": files.ramachandran.with_suffix(".pdf")}
    to_files("ramachandran", described, pictures, settings.figures)
    return files


def sample_unless_drawn(
    molecule: Molecule, weights: Path, sampling: SamplingSettings, settings: Configuration, out: Path, threads: int
) -> SampleFiles:
    """As `sample_peptide`, but samples in `out` that were drawn so stay as they are. Others are drawn again, which the
    log tells."""
    files = SampleFiles.in_folder(out)
    if not files.record.is_file():
        return sample_peptide(molecule, weights, sampling, settings, out, threads)
    reference = None if molecule.built is None else read_start(molecule.built)
    starts = read_starts(molecule.starts, reference).trajectory
    changed = changed_since(read_json(files.record), molecule.name, sampling, file_sha256(weights), starts)
    if not changed:
        return files
    logger.warning("%s: samples are drawn again, since it changed: %s", molecule.name, "; ".join(changed))
    return sample_peptide(molecule, weights, sampling, settings, out, threads)
