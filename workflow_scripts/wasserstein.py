"""E-W2, T-W2 and TICA-W2 of one peptide's samples."""

from pathlib import Path

from jamun.io.imports import without
from jamun.io.log import job_log

with job_log(snakemake.log[0]), without("torch"):
    from jamun.config.evaluation import EvaluationSettings
    from jamun.config.simulate import SimulateSettings
    from jamun.evaluation.pair import Files, read_pair
    from jamun.evaluation.wasserstein import analyse_to_files
    from jamun.simulate.drawn_hydrogens import potential_of

    given, wildcards = snakemake.input, snakemake.wildcards
    settings = EvaluationSettings(wasserstein=dict(snakemake.params.settings))
    reference = Files(Path(given.reference), Path(given.reference_topology), Path(given.md_record))
    pair = read_pair(
        reference,
        Files(Path(given.samples), Path(given.samples_topology)),
        wildcards.dataset,
        wildcards.model,
        wildcards.peptide,
    )
    potential = potential_of(
        Path(given.pdb), SimulateSettings(**snakemake.params.simulate), settings.wasserstein.hydrogen_time
    )
    analyse_to_files(pair, settings, potential, reference, Path(snakemake.output.result), Path(snakemake.output.arrays))
