"""Tabulate every model that was sampled on the dataset without MD, those of earlier runs included."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.evaluation.samples_table import tabulate_to_files

    target = Path(snakemake.output.summary)
    peptides = sorted({Path(path).stem for path in snakemake.input.results})
    results = [folder / f"{peptide}.json" for folder in sorted(target.parent.glob("*/")) for peptide in peptides]
    tabulate_to_files(
        [path for path in results if path.exists()],
        target,
        Path(snakemake.output.markdown),
        Path(snakemake.output.latex),
        Path(snakemake.output.page),
    )
