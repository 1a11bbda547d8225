#!/bin/bash
# The main job on several nodes: from a ratings file to neighbours and
# recommendations. INPUT and OUTPUT must lie where every node sees them.
#
#   sbatch jobs/several-nodes.sh ratings.csv result.h5 --titles movies.csv
#   sbatch --nodes=8 --export=ALL,INPUT=ratings.csv jobs/several-nodes.sh
#
# Arguments come before the environment, and that before the lines below.

#SBATCH --job-name=cfmpi
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=16
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=2G
#SBATCH --time=02:00:00
#SBATCH --output=%x-%j.log
# After a node failure or a preemption the job starts again by itself and goes
# on in the same log. That is safe: the output gets its name only when it is
# whole, and one that is there already is never replaced.
#SBATCH --requeue
#SBATCH --open-mode=append

INPUT=${1:-${INPUT:-ratings.csv}}
OUTPUT=${2:-${OUTPUT:-result.h5}}
OPTIONS=${OPTIONS:-}
LAUNCHER=${LAUNCHER:-srun}   # or mpirun, where srun was built without PMIx
CFMPI=${CFMPI:-cfmpi}

read -ra options <<<"$OPTIONS"
[ $# -le 2 ] || options=("${@:3}")
threads=${SLURM_CPUS_PER_TASK:-1}
command=("$CFMPI" run "$INPUT" -o "$OUTPUT" --threads "$threads" "${options[@]}")

case $LAUNCHER in
srun)
    # Since Slurm 22.05 a step no longer inherits the job's --cpus-per-task.
    export SRUN_CPUS_PER_TASK=$threads
    exec srun --mpi=pmix --kill-on-bad-exit=1 "${command[@]}"
    ;;
mpirun)
    # Without PE= every rank would be held on one core whatever its threads.
    exec mpirun -n "$SLURM_NTASKS" --map-by "slot:PE=$threads" "${command[@]}"
    ;;
*)
    echo "LAUNCHER is '$LAUNCHER'; srun and mpirun are known" >&2
    exit 64
    ;;
esac
