# Needs:  results/{dataset}/samples/{model}/{peptide}/ and the structure that they started from; no MD
# Makes:  results/{dataset}/evaluation/{model}/{peptide}.json and .npz, and evaluation/summary.csv, .md, .tex and .html,
#         in place of the rules that compare with MD


rule describe_samples:
    input:
        samples=layout.SAMPLES["samples"],
        samples_topology=layout.SAMPLES["topology"],
        sampling_record=layout.SAMPLES["record"],
        structure=layout.PEPTIDE["pdb"],
    output:
        **layout.EVALUATION["compare"],
    log:
        layout.log_of("describe_samples", layout.EVALUATION["compare"]["result"]),
    benchmark:
        layout.log_of("describe_samples", layout.EVALUATION["compare"]["result"], ".tsv")
    conda:
        "../envs/main.yaml"
    resources:
        **needs(4000, 30),
    params:
        settings={key: config["evaluation"][key] for key in ("torsion_bins", "ramachandran_bins", "physicality")},
    message:
        "Measure the torsions and the geometry of samples of {wildcards.peptide} by model {wildcards.model}"
    script:
        "../workflow_scripts/describe_samples.py"


rule summarize:
    input:
        results=over_test_peptides(layout.EVALUATION["compare"]["result"]),
    output:
        summary=in_report(layout.SUMMARY, "samples_table", "1. What came out?", "Table of results (CSV)"),
        page=in_report(layout.TABLES["page"], "samples_table", "1. What came out?", "Tables of results"),
        markdown=layout.TABLES["markdown"],
        latex=layout.TABLES["latex"],
    log:
        layout.log_of("summarize", layout.SUMMARY),
    benchmark:
        layout.log_of("summarize", layout.SUMMARY, ".tsv")
    conda:
        "../envs/main.yaml"
    resources:
        **needs(2000, 10),
    message:
        "Write the tables of the samples of every model on {wildcards.dataset}"
    script:
        "../workflow_scripts/tabulate_samples.py"
