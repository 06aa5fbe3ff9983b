#!/bin/bash
# Retrains the built-in speech / music / noise classifier and rewrites src/ml/builtin_smn_weights.cc.
#
#   tools/train_smn/train.sh [WORK]       (default /var/tmp/baleen-train-smn; needs about 8 GB)
#
# Needs a built tree (build/) and Debian's packages, which it names if they are missing. Fetching takes
# 4 GB of packages; making the clips and training about 20 minutes of processor time. Every random
# choice is seeded. With BALEEN_JUDGE=FOLDER (labelled recordings, see shared_clips.py) it ends with
# the accuracy on them; they take no part in the training.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=${1:-/var/tmp/baleen-train-smn}
python=/usr/bin/python3
parts=2  # Two processes; another number makes other clips.

missing=""
for package in python3-numpy ffmpeg espeak-ng flite festival festvox-kallpc16k festvox-us-slt-hts \
    festvox-czech-ph festvox-suopuhe-lj festvox-italp16k festvox-ca-ona-hts fluidsynth timgm6mb-soundfont; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing="$missing $package"
done
if [ -n "$missing" ]; then
  echo "missing packages; run: apt-get install --no-install-recommends$missing" >&2
  exit 1
fi
mkdir -p "$work"
work=$(cd "$work" && pwd)

echo "== the feature tool" >&2
cmake --build "$root/build" --target baleen_dsp
c++ -O3 -std=c++20 -I "$root/src" -I "$root/build/generated" "$here/extract_main.cc" \
  "$root/build/src/dsp/libbaleen_dsp.a" "$root/build/src/core/libbaleen_core.a" \
  -lfmt -lspdlog -lcrypto -lboost_json -lhwy -o "$work/smn_features"

echo "== sources" >&2
"$here/fetch.sh" "$work"
"$python" "$here/sources.py" "$work"

echo "== clips" >&2
pids=()
for ((part = 0; part < parts; ++part)); do
  "$python" "$here/clips.py" "$work" "$part" "$parts" &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done

echo "== features" >&2
for ((part = 0; part < parts; ++part)); do
  "$work/smn_features" < "$work/clips_$part.pcm" > "$work/clips_$part.f32"
done
judge=()
if [ -n "${BALEEN_JUDGE:-}" ]; then
  "$python" "$here/shared_clips.py" "$BALEEN_JUDGE" "$work"
  "$work/smn_features" < "$work/judge.pcm" > "$work/judge.f32"
  judge=(--judge)
fi

echo "== training" >&2
"$python" "$here/train.py" "$work" --export "$root/src/ml/builtin_smn_weights.cc" "${judge[@]}"
