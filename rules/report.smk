# Needs:  every figure and the summary of the active models
# Makes:  results/{dataset}/report.html


# Snakemake's own report, made by a second Snakemake over the finished figures: it reads the same configuration from
# the file written here, and runs no job.
rule report_html:
    input:
        figures=figure_results(),
        summary=expand(layout.SUMMARY, dataset=DATASET),
        # What the report looks like is an input, not code: it costs seconds to make anew.
        looks=[str(html_report.SCRIPT), str(html_report.STYLE)],
    output:
        report=layout.REPORT,
    log:
        layout.log_of("report", layout.REPORT),
    benchmark:
        layout.log_of("report", layout.REPORT, ".tsv")
    localrule: True
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        settings=config["figures"],
    message:
        "Gather the figures of {wildcards.dataset} in a report"
    script:
        "../workflow_scripts/report.py"
