#!/usr/bin/env bash
# Snakemake runs this in the environment of main.yaml when that is new. PYTHONPATH, set by rules/common.smk, leads to
# the package: this file is run from a copy, away from its neighbours.
set -euo pipefail
python -m jamun.figures.threedmol
