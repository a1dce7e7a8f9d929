#!/usr/bin/env bash
# Joins and installs what has arrived of the folders that prepare.sh made; call it after each, in any order.
#   benchmarks/offline/install.sh        PREFIX (/tmp): wheels go to PREFIX/site, models to PREFIX/yoyak, data to PREFIX/shared
# What is installed already stays as it is; what is still to come is said at the end. PYTHON: the machine's own.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd); prefix=${PREFIX:-/tmp}; python=${PYTHON:-python3}
here=$prefix/carried; mkdir -p "$here" "$prefix/installed"
"$python" "$root/benchmarks/offline/pieces.py" join "${CARRIED:-$root/.carry}" "$here" 2>"$here/to_come" ||
  { cat "$here/to_come" >&2; exit 1; }
export PYTHONPATH=$prefix/site YOYAK_HOME=$prefix/yoyak HF_HUB_OFFLINE=1
shopt -s nullglob
for whole in "$here"/*.tar "$here"/*.tar.xz; do
  file=$(basename "$whole"); name=${file%%.*}; place=${file#*.}; place=${place%%.*}
  [ -e "$prefix/installed/$name" ] && continue
  case $place in
    shared)
      mkdir -p "$prefix/shared"
      tar -C "$prefix/shared" -xf "$whole" ;;
    *)
      rm -rf "$here/wheels"; mkdir "$here/wheels"
      tar -C "$here/wheels" -xf "$whole"
      "$python" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$prefix/$place" \
        "$here"/wheels/*.whl >"$here/pip.log" 2>&1 || { cat "$here/pip.log" >&2; exit 1; }
      rm -rf "$here/wheels" ;;
  esac
  touch "$prefix/installed/$name"
  echo "installed: $name"
done
convert() {  # BUNDLE MODEL: its GGUF file to safetensors, by the code of this checkout
  [ -e "$prefix/installed/$1" ] && [ -e "$prefix/installed/core" ] && [ ! -e "$prefix/installed/$1.converted" ] || return 0
  (cd "$root" && "$python" -m src.cli models fetch "$2" --accept-licence) 2>"$here/convert.log" ||
    { cat "$here/convert.log" >&2; exit 1; }
  touch "$prefix/installed/$1.converted"
}
convert smollm2 smollm2-135m
convert gemma gemma3-270m
cat "$here/to_come"
