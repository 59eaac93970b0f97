"""E-W2, T-W2 and TICA-W2 of one peptide's samples."""

from jamun.io.imports import without
from jamun.io.job import job

with job(snakemake) as (inputs, outputs), without("torch"):
    from jamun.config.evaluation import EvaluationSettings
    from jamun.config.simulate import SimulateSettings
    from jamun.evaluation.pair import Files, read_pair
    from jamun.evaluation.wasserstein import analyse_to_files
    from jamun.simulate.drawn_hydrogens import potential_of

    settings = EvaluationSettings(wasserstein=dict(snakemake.params.settings))
    reference = Files(inputs.reference, inputs.reference_topology, inputs.md_record, inputs.get("reference_weights"))
    samples = Files(inputs.samples, inputs.samples_topology)
    pair = read_pair(reference, samples, *(snakemake.wildcards[name] for name in ("dataset", "model", "peptide")))
    simulate = SimulateSettings(**snakemake.params.simulate)
    potential = potential_of(inputs.pdb, simulate, settings.wasserstein.hydrogen_time)
    analyse_to_files(pair, settings, potential, reference, **outputs)
