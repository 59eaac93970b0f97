# Needs:  results/{dataset}/peptides/{peptide}.pdb and the files that the source holds of the peptide
# Makes:  results/{dataset}/md/{peptide}/: trajectory.xtc, topology.pdb, state.csv, md.json, in place of rule simulate


rule import_trajectory:
    input:
        pdb=layout.PEPTIDE["pdb"],
        source_topology=lambda wildcards: given(str(SOURCE_FILES[wildcards.peptide].topology)),
        source_trajectories=lambda wildcards: [
            given(str(path)) for path in SOURCE_FILES[wildcards.peptide].trajectories
        ],
        # MD that was made with a bias.
        source_bias=lambda wildcards: (
            [] if (bias := SOURCE_FILES[wildcards.peptide].bias) is None else given(str(bias))
        ),
    output:
        **layout.MD,
    log:
        layout.log_of("import_trajectory", layout.MD["record"]),
    benchmark:
        layout.log_of("import_trajectory", layout.MD["record"], ".tsv")
    wildcard_constraints:
        peptide=one_of(PEPTIDES),
    priority: 1  # before samples of models that come from elsewhere
    conda:
        "../envs/main.yaml"
    resources:
        **needs(2000, 120),
    params:
        settings=config["source"],
        # What the table tells of this peptide, and not the whole table: a row more must not import the others again.
        frame_interval_ps=lambda wildcards: SOURCE_FILES[wildcards.peptide].frame_interval_ps,
        work=WORK["import_trajectory"],
    message:
        "Import the MD of {wildcards.peptide} ({params.settings[kind]})"
    script:
        "../workflow_scripts/import_trajectory.py"
