"""Summarise every model that was evaluated on the dataset, those of earlier runs included."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    from jamun.evaluation.summary import ON_REQUEST, summarize_to_files

    target = Path(snakemake.output.summary)
    peptides = sorted({Path(path).stem for path in snakemake.input.results})
    results = [folder / f"{peptide}.json" for folder in sorted(target.parent.glob("*/")) for peptide in peptides]
    asked = tuple(name for name in ON_REQUEST if snakemake.input.get(name))
    summarize_to_files([path for path in results if path.exists()], target, snakemake.params.of, asked)
