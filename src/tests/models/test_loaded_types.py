"""In which type weights are loaded, and that no pickle is opened for them."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from src.models.compute import ComputeChoice
from src.models.lora_loader import LoRALoader
from src.tests.tiny_models import tiny_config, write_tiny_model

ROOT = Path(__file__).resolve().parents[3]
LOAD = """
import json
from src.errors import YoyakError
from src.models.lora_loader import LoRALoader
from src.tests.tiny_models import tiny_config
for name in ("some/saved", "some/pickled"):
    try:
        LoRALoader(tiny_config(name, lora__use_qlora=False)).load_model_and_tokenizer()
    except YoyakError as error:
        print(json.dumps(str(error)))
    else:
        print(json.dumps("loaded"))
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("base"))


@pytest.mark.parametrize(
    ("compute", "use_lora", "weights"),
    [
        ("fp16", False, torch.float32),  # all weights train under the gradient scaler
        ("fp16", True, torch.float16),
        ("bf16", False, torch.bfloat16),
        ("bf16", True, torch.bfloat16),
        ("fp32", False, torch.float32),
    ],
)
def test_the_type_of_the_weights(base, compute, use_lora, weights):
    config = tiny_config(base, lora__use_lora=use_lora, lora__use_qlora=False)
    loader = LoRALoader(config, compute=ComputeChoice("cpu", compute, "as the test asks", 1))
    model = loader._load_causal_lm(base, None)
    assert {parameter.dtype for parameter in model.parameters()} == {weights}


class Opens:
    """A pickle that makes a file where it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


@pytest.mark.long
def test_a_hub_checkpoint_with_pickled_weights_alone_is_not_loaded(tmp_path):
    """In the cache as huggingface_hub lays it out; a local folder's pickles are refused before."""
    for name in ("saved", "pickled"):
        snapshot = tmp_path / "hub" / f"models--some--{name}" / "snapshots" / ("0" * 40)
        write_tiny_model(snapshot)
        weights = load_file(snapshot / "model.safetensors")
        (snapshot / "model.safetensors").unlink()
        if name == "saved":
            torch.save(weights, snapshot / "pytorch_model.bin")
        else:
            (snapshot / "pytorch_model.bin").write_bytes(pickle.dumps(Opens(tmp_path / "ran")))
        (snapshot.parents[1] / "refs").mkdir()
        (snapshot.parents[1] / "refs" / "main").write_text("0" * 40)
    places = {"HF_HOME": str(tmp_path), "HF_HUB_CACHE": str(tmp_path / "hub"), "YOYAK_HOME": str(tmp_path / "yoyak")}
    environment = os.environ | places | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", LOAD]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    said = [json.loads(line) for line in done.stdout.splitlines()[-2:]]
    assert len(said) == 2
    assert "loaded" not in said
    assert all("safetensors" in line for line in said)
    assert not (tmp_path / "ran").exists()
