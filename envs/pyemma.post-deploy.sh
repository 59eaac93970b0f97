#!/usr/bin/env bash
# Snakemake runs this in the environment of pyemma.yaml when that is new: PyEMMA has no wheel, and builds only beside
# the old NumPy that is there by then.
set -euo pipefail
python -m pip install --no-build-isolation --no-deps pyemma==2.5.12
