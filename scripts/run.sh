#!/usr/bin/env bash
# From a bare machine to the page: set-up, build, sample answers on the terminal, site, local server.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/run.sh [--port N] [--no-serve]

  --port N     where to serve the page (default: 8080)
  --no-serve   stop after the table of sample answers and the assembled site
  --help       this text
TEXT
}

port=8080
serve=true
while [ $# -gt 0 ]; do
  case $1 in
    --port) port=${2:-}; shift ;;
    --no-serve) serve=false ;;
    --help | -h) usage; exit 0 ;;
    *) echo "run: unknown argument '$1'" >&2; usage >&2; exit 2 ;;
  esac
  shift || { echo "run: --port needs a number" >&2; exit 2; }
done
if ! [[ $port =~ ^[0-9]{1,5}$ ]] || [ "$((10#$port))" -lt 1 ] || [ "$((10#$port))" -gt 65535 ]; then
  echo "run: --port needs a number from 1 to 65535, not '$port'" >&2
  exit 2
fi

cd "$(dirname "${BASH_SOURCE[0]}")/.."
say() { printf 'run: %s\n' "$*"; }

bash scripts/setup.sh both
bash scripts/build.sh native web

model=assets/model/model.onnx
samples=(assets/samples/*.jpg)
site=build/site

# Compressing the site's files takes half a minute, so it is assembled only when something that goes
# into it has changed.
site_inputs() {
  find build/native/nevus build/web/template assets/model -type f -printf '%p %s %T@\n' | sort | sha256sum
}
if [ "$(site_inputs)" != "$(cat build/site.stamp 2>/dev/null)" ] || [ ! -e "$site/index.html" ]; then
  say "assembling the site in $site"
  rm -f build/site.stamp
  build/native/nevus site "$model" --out "$site"
  site_inputs >build/site.stamp
else
  say "the site in $site is up to date"
fi

say "classifying ${#samples[@]} sample photos natively"
build/native/nevus predict "$model" "${samples[@]}"

if $serve; then
  say "serving $site (Ctrl-C stops)"
  exec build/native/nevus serve "$site" --port "$port"
fi
