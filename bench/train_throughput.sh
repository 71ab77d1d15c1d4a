#!/usr/bin/env bash
# Training throughput side by side: `nevus train` and a PyTorch + torchvision script (bench/pytorch_peer)
# on the same network, photos, batch size, strength of augmentation and threads, interleaved.
#   bench/train_throughput.sh [ROUNDS]      needs ../shared/data/kaggle; installs the peer's packages
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rounds=${1:-3}
photos=640
data=../shared/data/kaggle/groups.csv
venv=${XDG_CACHE_HOME:-$HOME/.cache}/nevus/bench-pytorch-2.14.1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
[ -x build/native/nevus ] || { echo "build first: scripts/build.sh native" >&2; exit 1; }
[ -f "$data" ] || { echo "$data: not there" >&2; exit 1; }
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import torchvision' 2>/dev/null; then
  echo "installing the peer's packages into $venv (5.6 GB)"
  python3.11 -m venv "$venv"
  "$venv/bin/pip" install --quiet -r bench/pytorch_peer/requirements.txt
fi
# The same photos for both: the first of the training split that are their own group.
folder=$(realpath "$(dirname "$data")")
{
  echo file,label,group,split
  awk -F, -v at="$folder" 'NR > 1 && $2 == "train" { print at "/" $1 "," $3 "," NR ",train" }' "$data" |
    shuf -n "$photos" --random-source=<(yes)
  awk -F, -v at="$folder" 'NR > 1 && $2 == "test" && ++n[$3] <= 16 { print at "/" $1 "," $3 ",v" NR ",val" }' "$data"
} >"$out/photos.csv"
for round in $(seq "$rounds"); do
  echo "round $round"
  /usr/bin/time -f 'peak %M KB' build/native/nevus train "$out/photos.csv" --out "$out/run" --force \
    --epochs 2 --batch-size 32 --threads 2 --weights none --seed "$round" --typicality 0 >"$out/nevus.log" 2>&1
  grep -oE '^epoch [0-9]+|[0-9.]+ images/s|^peak.*' "$out/nevus.log" | paste -sd' ' | sed 's/^/  nevus:   /'
  OMP_WAIT_POLICY=passive "$venv/bin/python" bench/pytorch_peer/train.py "$out/photos.csv" \
    --photos "$photos" --epochs 2 --batch-size 32 --threads 2 --workers 2 | sed 's/^/  pytorch: /'
done
