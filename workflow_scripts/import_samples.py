"""Take in one peptide's samples that another program made, or its plain MD."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.io.atomic import read_json
    from jamun.trajectories.samples import OutsideSamples, SampleFiles, import_samples_to_files

    trajectory, topology = Path(snakemake.input.outside), Path(snakemake.input.outside_topology)
    record = snakemake.input.get("md_record")
    if record:
        outside = OutsideSamples.of_simulation(trajectory, topology, read_json(Path(record)))
    else:
        outside = OutsideSamples(trajectory, topology, snakemake.params.seconds, snakemake.params.device)
    import_samples_to_files(
        Path(snakemake.input.pdb),
        snakemake.wildcards.peptide,
        snakemake.wildcards.model,
        outside,
        SampleFiles(
            Path(snakemake.output.samples),
            Path(snakemake.output.topology),
            Path(snakemake.output.flags),
            Path(snakemake.output.record),
            Path(snakemake.params.work),
        ),
    )
