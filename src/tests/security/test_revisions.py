"""Hub revisions: pinned, and the commit recorded. A cache as huggingface_hub lays it out stands for the hub."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.config import load_config
from src.serving.vllm import vllm_arguments
from src.tests.tiny_models import write_tiny_model

ROOT = Path(__file__).resolve().parents[3]
OLD, NEW = "0" * 39 + "1", "0" * 39 + "2"
CODE = """
import json, sys
from src.errors import YoyakError
from src.models.lora_loader import LoRALoader
from src.tests.tiny_models import tiny_config
loader = LoRALoader(tiny_config("some/model", lora__use_qlora=False, model__revision=json.loads(sys.argv[1])))
try:
    model, _ = loader.load_model_and_tokenizer(use_lora=False)
except YoyakError as error:
    print(json.dumps(str(error)))
else:
    first = model.get_input_embeddings().weight[0, 0].item()
    print(json.dumps([loader.resolved["model_revision"], round(first, 4)]))
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Two commits of `some/model` with different weights; `main` is the newer."""
    home = tmp_path_factory.mktemp("home")
    repository = home / "hub" / "models--some--model"
    for seed, commit in enumerate((OLD, NEW)):
        write_tiny_model(repository / "snapshots" / commit, seed=seed)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(NEW)
    return home


def loaded(home: Path, revision: str | None):
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CODE, json.dumps(revision)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_the_pinned_commit_is_loaded_and_recorded(cache: Path) -> None:
    newest, pinned = loaded(cache, None), loaded(cache, OLD)
    assert (newest[0], pinned[0]) == (NEW, OLD)
    assert newest[1] != pinned[1]
    assert loaded(cache, "v9").startswith("model.checkpoint = some/model: not a local folder, not in the cache, and ")


def test_vllm_is_told() -> None:
    config = load_config("smollm2_135m", ["model.checkpoint=some/model", f"model.revision={OLD}"])
    arguments = vllm_arguments(config, "some/model", "t.jinja", 4)
    assert arguments[arguments.index("--revision") + 1] == OLD
    assert arguments[arguments.index("--tokenizer-revision") + 1] == OLD
    assert "--trust-remote-code" not in arguments
