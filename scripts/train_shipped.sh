#!/usr/bin/env bash
# Makes the shipped model: drawings, three teachers, then the model that learns from two of them. About five
# hours on two cores; what was interrupted goes on where it stopped when the same command is given again.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/train_shipped.sh DATA OUT

  DATA   the folder that holds kaggle, ham10000, isic2017 and bcn
  OUT    a folder for synth, teacher-1 to teacher-3 and run, whose model.onnx is the result
TEXT
}

[ $# -eq 2 ] && [ "$1" != --help ] && [ "$1" != -h ] || { usage; exit 2; }
data=$(realpath "$1")
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
mkdir -p "$2"
cd "$2"
nevus=$root/build/native/nevus

# Relative names, so that no place of this machine gets into the package.
for set in ham10000 isic2017 kaggle bcn; do ln -sfn "$data/$set" "$set"; done
cp "$root"/assets/training/lesions7*.toml .
[ -d synth ] || "$nevus" synth --out synth --count 120 --seed 77 --jpeg

train() {
  local config=$1 out=$2
  shift 2
  [ -f "$out/model.onnx" ] && { echo "$out is finished"; return; }
  local resume=()
  [ -f "$out/checkpoint" ] && resume=(--resume)
  "$nevus" train ham10000 isic2017 kaggle/groups.csv bcn synth --config "$config" --out "$out" "$@" "${resume[@]}"
}

train lesions7-teacher-1.toml teacher-1
train lesions7-teacher-2.toml teacher-2
train lesions7-teacher-3.toml teacher-3 --weights teacher-2/checkpoint \
  --teacher teacher-1/model.onnx --teacher teacher-2/model.onnx
train lesions7.toml run --weights teacher-3/checkpoint --teacher teacher-1/model.onnx --teacher teacher-3/model.onnx
