#!/usr/bin/env bash
# Format, lint and types; CI runs the same. Changes nothing. Needs set-up and the native build's
# compile_commands.json. Reports every kind of finding, then fails if there was any.
set -uo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/check.sh [--tidy] [--fix]

  --tidy   clang-tidy on every native source, those that include LibTorch too (minutes)
  --fix    format the sources in place first
TEXT
}

all_tidy=false
fix=false
while [ $# -gt 0 ]; do
  case $1 in
    --tidy) all_tidy=true ;;
    --fix) fix=true ;;
    --help | -h) usage; exit 0 ;;
    *) echo "check: unknown argument '$1'" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=web/node_modules/.bin
failed=0

check() {
  local name=$1 start=$SECONDS
  shift
  if "$@"; then
    printf 'check: %s ok, %d s\n' "$name" $((SECONDS - start))
  else
    printf 'check: %s FAILED\n' "$name"
    failed=1
  fi
}

# Files that git knows or would know, and that are there.
tracked() {
  git ls-files --cached --others --exclude-standard -- "$@" | while IFS= read -r file; do
    [ -f "$file" ] && printf '%s\n' "$file"
  done
}

mapfile -t cpp < <(tracked '*.cpp' '*.h')
# Not the pages in site/: they are templates, and placeholders at odd places make the result odd.
mapfile -t web < <(tracked '*.ts' '*.mjs' '*.js' '*.css' 'web/*.json' '.prettierrc.json')
mapfile -t shell < <(tracked '*.sh' .ci/run)

if $fix; then
  clang-format -i "${cpp[@]}"
  "$bin/prettier" --write --log-level warn "${web[@]}"
fi

shell_syntax() {
  local file bad=0
  for file in "${shell[@]}"; do bash -n "$file" || bad=1; done
  if command -v shellcheck >/dev/null; then shellcheck -S warning "${shell[@]}" || bad=1; fi
  return "$bad"
}

# Sources of the native build that clang-tidy reads: those that include LibTorch take half a minute
# each, so only --tidy asks for them, and for the static analyser. A file that passed is not read again
# until it, a header or the configuration changes (build/tidy holds the hashes).
tidy_one() {
  local file=$1 key
  key=$({ cat .clang-tidy "$file" && echo "$tidy_options $tidy_headers"; } | sha256sum | cut -d' ' -f1)
  [ -e "build/tidy/$key" ] && return
  # shellcheck disable=SC2086  # options, split on purpose
  clang-tidy --quiet -p build/native $tidy_options "$file" 2>&1 |
    grep -vE '^[0-9]+ warnings? |^Suppressed |^Use -header-filter'
  [ "${PIPESTATUS[0]}" -eq 0 ] && touch "build/tidy/$key"
}

tidy() {
  local database=build/native/compile_commands.json files
  if [ ! -f "$database" ]; then
    echo "$database is missing: cmake --preset native"
    return 1
  fi
  mapfile -t files < <(
    for file in "${cpp[@]}"; do
      case $file in
        shared/*.cpp | native/*.cpp) ;;
        *) continue ;;
      esac
      grep -qF "/$file\"" "$database" || continue
      $all_tidy || ! grep -qE '# *include [<"](torch/|ATen/|c10/|nets/|train/)' "$file" || continue
      printf '%s\n' "$file"
    done
  )
  [ ${#files[@]} -gt 0 ] || return 0
  mkdir -p build/tidy
  tidy_options=
  $all_tidy && tidy_options='--checks=clang-analyzer-core.*,clang-analyzer-cplusplus.*,-clang-analyzer-cplusplus.NewDeleteLeaks'
  tidy_headers=$(cat $(tracked 'shared/*.h' 'native/*.h') | sha256sum)
  export -f tidy_one
  export tidy_options tidy_headers
  printf '%s\0' "${files[@]}" | xargs -0 -P "$(nproc)" -I{} bash -c 'tidy_one "$1"' _ {}
}

check shell shell_syntax
check clang-format clang-format --dry-run -Werror "${cpp[@]}"
check prettier "$bin/prettier" --check --log-level warn "${web[@]}"
check types "$bin/tsc" --noEmit -p web
check clang-tidy tidy
exit "$failed"
