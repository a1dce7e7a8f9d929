#!/usr/bin/env bash
# Installs the pinned torch into $VENV. Never gigabytes of CUDA on a machine without an NVIDIA driver: where pip would
# bring nvidia-* packages, torch comes from TORCH_INDEX (by default PyTorch's CPU index).
set -euo pipefail
cd "$(dirname "$0")/.."
pip() { "$VENV/bin/python" -m pip --disable-pip-version-check "$@"; }
torch=$(grep '^torch==' constraints.txt)
"$VENV/bin/python" -c 'import torch' 2>/dev/null && exit 0
source=()
if ! command -v nvidia-smi >/dev/null && pip install --dry-run "$torch" -c constraints.txt 2>/dev/null | grep -q 'nvidia-'; then
  source=(--index-url "${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}")
fi
pip install -q "$torch" -c constraints.txt "${source[@]}"
