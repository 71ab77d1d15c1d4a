#!/usr/bin/env bash
# Everything that says whether Nevus works: set-up, three builds, format and lint, every test. Goes on
# after a failure, ends with the summaries, and fails when anything failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p build
summary=()
failed=0

# step NAME COMMAND…: runs it, shows its output, keeps it in build/test-NAME.log, notes the outcome.
step() {
  local name=$1 start=$SECONDS outcome=passed log=build/test-$1.log
  shift
  printf '\n== %s\n' "$name"
  "$@" 2>&1 | tee "$log"
  if [ "${PIPESTATUS[0]}" -ne 0 ]; then
    outcome=FAILED
    failed=1
  fi
  summary+=("$(printf '%-14s %s, %d s' "$name" "$outcome" $((SECONDS - start)))")
  # ctest's closing lines: the count, the times by label, what failed or was skipped.
  if [ "${name#ctest-}" != "$name" ]; then
    summary+=("$(sed -n '/% tests passed/,$p' "$log" | sed 's/^/    /')")
  fi
  [ "$outcome" = passed ]
}

if step setup bash scripts/setup.sh both; then
  for preset in native web asan; do
    step "build-$preset" bash scripts/build.sh "$preset"
  done
  step check bash scripts/check.sh
  for preset in native web asan; do
    step "ctest-$preset" ctest --preset "$preset"
  done
fi

printf '\n== summary\n'
printf '%s\n' "${summary[@]}"
exit "$failed"
