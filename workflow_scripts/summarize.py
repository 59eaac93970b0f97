"""Summarise every model that was evaluated on the dataset, those of earlier runs included."""

from pathlib import Path

from jamun.io.log import job_log

with job_log(snakemake.log[0]):
    target = Path(snakemake.output.summary)
    peptides = sorted({Path(path).stem for path in snakemake.input.results})
    found = [
        (result, model.parent / "msm" / result.name)
        for model in sorted(target.parent.glob("*/"))
        for result in (model / f"{peptide}.json" for peptide in peptides)
    ]
