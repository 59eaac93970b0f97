"""Take in one peptide's samples that another program made, or its plain MD."""

from pathlib import Path

from jamun.io.job import job

with job(snakemake) as (inputs, outputs):
    from jamun.io.atomic import read_json
    from jamun.io.files import SamplingFiles
    from jamun.trajectories.samples import OutsideSamples, import_samples_to_files

    files, params, wildcards = (inputs.outside, inputs.outside_topology), snakemake.params, snakemake.wildcards
    if inputs.md_record:
        outside = OutsideSamples.of_simulation(*files, read_json(inputs.md_record))
    else:
        outside = OutsideSamples(*files, params.seconds, params.device)
    published = SamplingFiles(**outputs, work=Path(params.work))
    import_samples_to_files(inputs.pdb, wildcards.peptide, wildcards.model, outside, published)
