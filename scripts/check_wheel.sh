#!/usr/bin/env bash
# Builds the wheel, installs it into an empty environment, and uses it from an empty folder as a user would.
#   scripts/check_wheel.sh            PYTHON: an interpreter with `build`
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
python=$(realpath -s "$(command -v "${PYTHON:-$root/.venv/bin/python}")")
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT

cd "$root"
"$python" -m build --wheel --outdir "$tmp/dist" . >"$tmp/build.log" 2>&1 || { cat "$tmp/build.log"; exit 1; }
"$python" -m venv "$tmp/venv"
VENV="$tmp/venv" "$root/scripts/install_torch.sh"
"$tmp/venv/bin/python" -m pip --disable-pip-version-check install -q "$tmp"/dist/*.whl -c constraints.txt

mkdir "$tmp/empty" && cd "$tmp/empty"
export YOYAK_HOME="$tmp/home" PATH="$tmp/venv/bin:$PATH"
unset PYTHONPATH
yoyak --version
yoyak models fetch smollm2-135m
yoyak models
yoyak config show quickstart training.seed=7 | grep -q 'training.seed.*7.*command line'
yoyak data check sample:ko/long.csv -e quickstart_ko
yoyak quickstart training.max_steps=2 data.max_train_examples=8 data.max_eval_examples=2 tokenizer.decoder_max_len=24
yoyak summarize $'Anna: The printer is broken.\nBen: I will call the service at 3.' --adapter outputs/quickstart/final_model
test -s outputs/quickstart/report.html -a -s outputs/quickstart/run.json -a -s outputs/quickstart/predictions.jsonl
if yoyak train --experiment llama_3.2_3 2>"$tmp/error"; then echo "an unknown experiment was accepted"; exit 1; fi
grep -q "did you mean 'llama_3.2_3b'" "$tmp/error"
echo "wheel: $(basename "$tmp"/dist/*.whl) works from an empty folder"
