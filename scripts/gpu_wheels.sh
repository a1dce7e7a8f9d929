#!/usr/bin/env bash
# Collects into DIR the wheels that yoyak imports besides torch, transformers, peft, accelerate, numpy, pyyaml, rich,
# typer and pyarrow, for a GPU host without network (Linux x86-64, CUDA 13).
#   scripts/gpu_wheels.sh DIR [PYTHON_VERSION]
# Kiwi with its model (100 MB, for morpheme scores only) goes to DIR/morpheme.
# There: pip install --no-index --no-deps --target SITE DIR/*.whl; export PYTHONPATH=SITE
set -euo pipefail
dir=${1:?folder}; version=${2:-3.12}; python=$(command -v "${PYTHON:-python3}"); python=$(realpath -s "$python")
mkdir -p "$dir"; dir=$(cd "$dir" && pwd)
platforms=(); for n in 39 35 34 31 28 27 26 24 17; do platforms+=(--platform "manylinux_2_${n}_x86_64"); done
pin() { grep -i "^$1==" "$(dirname "$0")/../constraints.txt"; }
get() {
  "$python" -m pip --disable-pip-version-check download -q --no-deps --only-binary=:all: --python-version "$version" \
    --implementation cp "${platforms[@]}" --platform manylinux2014_x86_64 --platform manylinux1_x86_64 -d "$1" "${@:2}" \
    2>&1 | grep -v 'is ignored' || true
}
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
# bitsandbytes cut down to one CUDA library: 43 MB become 7.
get "$tmp" "$(pin bitsandbytes)"
mkdir "$tmp/cut"; "$python" -m zipfile -e "$tmp"/bitsandbytes-*.whl "$tmp/cut"
rm -f "$tmp"/cut/bitsandbytes/libbitsandbytes_cuda1[12]*.so "$tmp"/cut/bitsandbytes/*{rocm,xpu}*.so "$dir"/bitsandbytes-*.whl
sed -i 's/^Tag:.*/Tag: py3-none-any/' "$tmp"/cut/bitsandbytes-*.dist-info/WHEEL
(cd "$tmp/cut" && "$python" -m zipfile -c "$dir/$(basename "$(ls -d bitsandbytes-*.dist-info)" .dist-info)-py3-none-any.whl" ./*)
for package in pydantic pydantic_core annotated-types typing-inspection gguf nltk; do get "$dir" "$(pin "$package")"; done
get "$dir/morpheme" "$(pin kiwipiepy)"
"$python" -m pip --disable-pip-version-check wheel -q --no-deps -w "$dir/morpheme" "$(pin kiwipiepy_model)" 2>&1 |
  grep -v 'is ignored' || true
ls -la "$dir" "$dir/morpheme"
