#!/usr/bin/env bash
# Measures a model of assets/training/lesions7.toml on every test that its training left untouched, and
# records the figures in the package; then writes its card.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/measure_model.sh DATA MODEL.onnx

  DATA         the folder that holds kaggle, ham10000, isic2017, bcn and ood
  MODEL.onnx   of the run; its tests' figures are replaced, its card goes to docs/model-card.md
TEXT
}

[ $# -eq 2 ] && [ "$1" != --help ] && [ "$1" != -h ] || { usage; exit 2; }
data=$(realpath "$1")
model=$(realpath "$2")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
nevus=build/native/nevus

measure() {
  local name=$1
  shift
  printf '\n== %s\n' "$name"
  "$nevus" evaluate "$model" "$@" --split test --record "$name"
}

measure 'HAM10000, a fifth of its lesions' "$data/ham10000" --label-column dx --test-share 0.2 \
  --by sex --by age:20 --by localization --ood "$data/ood" --ood-half second
measure 'kaggle test part, all of it' "$data/kaggle/groups.csv"
measure 'kaggle test part, lesions that its train part does not show' "$data/kaggle/groups.csv" \
  --where seen_in_other_split=0
measure 'kaggle test part, photos from HAM10000 alone' "$data/kaggle/groups.csv" \
  --where 'ham10000_id!='
measure 'ISIC 2017, test part' "$data/isic2017" --label-column dx --map sk=bkl
measure 'BCN20000 (another hospital), a third' "$data/bcn" --test-share 0.334
# These two don't say which photos show one lesion; some can be told from the pixels.
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
"$nevus" inspect "$data/isic2017" --label-column dx --out "$found/isic2017"
"$nevus" inspect "$data/bcn" --out "$found/bcn"
measure 'ISIC 2017, that part without lesions that its other parts show' "$data/isic2017" --label-column dx \
  --map sk=bkl --groups "$found/isic2017/groups.csv" --unseen
measure 'BCN20000, that third without lesions that its other photos show' "$data/bcn" --test-share 0.334 \
  --groups "$found/bcn/groups.csv" --unseen
"$nevus" card "$model" --out docs/model-card.md
