#!/bin/bash
# sbatch profiles/slurm/batch.sh [arguments of snakemake; simulations without any]        (docs/clusters.md)
# Many small simulations in one Slurm job that share its GPU: Snakemake runs inside the job, with as many simulations at
# a time as the job has cores. Set simulate.jobs_per_gpu to that number. Stopped or preempted, the same again goes on.
#SBATCH --job-name=jamun --gpus=1 --cpus-per-task=4 --mem=16000 --time=1-00:00:00
#SBATCH --requeue --open-mode=append --output=slurm-%x-%j.log
# Your site: the options of sbatch come before its script and win over these lines (-A account -p partition).
set -euo pipefail
[ $# -gt 0 ] || set -- simulations
# A job that Slurm put back was killed, maybe before Snakemake could take its lock away.
[ "${SLURM_RESTART_COUNT:-0}" = 0 ] || snakemake "$@" --unlock
exec snakemake "$@" --cores "$SLURM_CPUS_PER_TASK" --resources "gpu=$SLURM_CPUS_PER_TASK"
