#!/bin/sh
# What a GPU is asked, in one command of at most 12 minutes: sh tests/benchmarks/gpu.sh [FOLDER]
#
# Does it compute what the CPU computes; how fast are teacher, students and FID against its own ceiling, alone and
# packed; and how good are a teacher of faces of width 64, trained for its whole budget, and students of three widths.
# PYTHON names the interpreter. JSON files, the teacher and its students' rows are in FOLDER; the same command goes on.
set -eu
folder=${1:-gpu-found}
python=${PYTHON:-python}
mkdir -p "$folder"
timeout 60 "$python" -m tests.benchmarks.agreement --device cuda --out "$folder/agreement.json"
timeout 180 "$python" -m tests.benchmarks.gpu --device cuda --precision bfloat16 --channels-last --image-size 64 \
    --out "$folder/gpu.json"
timeout 480 "$python" -m tests.benchmarks.schemes --folder "$folder/made" --preset faces --widths 4 8 16 --seeds 0 \
    --schemes joint together --set teacher.width=64 --set resources.gpus_per_trial=1 \
    --set resources.precision=bfloat16 --set resources.channels_last=true --out "$folder/students.json"
