#!/usr/bin/env bash
# Configures and builds the named presets (native, web, asan), quietly: CMake's configuration goes to
# build/PRESET.log and is shown only when it fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -gt 0 ] || { echo "usage: scripts/build.sh PRESET…" >&2; exit 2; }
mkdir -p build
# Another clone of the same sources finds what this one compiled.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
for preset in "$@"; do
  start=$SECONDS
  printf 'build: %s\n' "$preset"
  if ! cmake --preset "$preset" >"build/$preset.log" 2>&1; then
    tail -n 30 "build/$preset.log" >&2
    echo "build: configuring '$preset' failed; the whole log: build/$preset.log" >&2
    exit 1
  fi
  cmake --build --preset "$preset"
  printf 'build: %s ready in %d s\n' "$preset" $((SECONDS - start))
done
