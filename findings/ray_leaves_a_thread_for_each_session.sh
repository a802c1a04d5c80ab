#!/usr/bin/env bash
# Ray 2.60.0: each ray.init with its ray.shutdown leaves one thread and one open file in the process for good.
#
# A notebook or a service that runs one search after the other, each on a Ray of its own, grows by one of each a
# search. Who runs thousands of them in one process meets the system's limits of files and threads; a process for each
# search, or one Ray for all, does not.
#
# Seen, on Linux: over six sessions from the second on, one more thread and one more file each.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/site" ray==2.60.0 2>/dev/null
cd "$folder"
cat > sessions.py <<'PYTHON'
import os

import ray

seen = []
for session in range(7):
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, _temp_dir="TEMPORARY")
    ray.shutdown()
    seen.append((len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))))
    print(f"session {session + 1}: {seen[-1][0]} threads, {seen[-1][1]} files")
threads, files = (last - first for first, last in zip(seen[1], seen[-1]))
assert threads >= 5 and files >= 5, f"only {threads} more threads and {files} more files after five more sessions"
PYTHON
sed -i "s#TEMPORARY#$folder/ray#" sessions.py
PYTHONPATH="$folder/site" RAY_USAGE_STATS_ENABLED=0 OMP_NUM_THREADS=1 python3 sessions.py 2>/dev/null
