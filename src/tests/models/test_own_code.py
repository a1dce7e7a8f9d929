"""A checkpoint with code of its own and `model_type: llama` is not taken for transformers' Llama."""

import json
from pathlib import Path

import pytest
import torch

from src.data.batches.padding import RightPadder
from src.decoder.decoder_obstacle import decoder_obstacle
from src.models.causal_head import head_kind
from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset, write_tiny_model
from src.training.llm_trainer import LLMTrainer
from src.training.loss import response_loss

CODE = """
from transformers.models.llama.modeling_llama import LlamaForCausalLM


class OwnLlamaForCausalLM(LlamaForCausalLM):
    def forward(self, input_ids=None, inputs_embeds=None, **arguments):
        if inputs_embeds is None:
            inputs_embeds = 2.0 * self.model.embed_tokens(input_ids)
        output = super().forward(inputs_embeds=inputs_embeds, **arguments)
        output.logits = 0.5 * output.logits
        return output
"""


@pytest.fixture
def checkpoint(tmp_path: Path) -> str:
    folder = write_tiny_model(tmp_path / "base")
    Path(folder, "modeling_own.py").write_text(CODE, encoding="utf-8")
    config = json.loads(Path(folder, "config.json").read_text(encoding="utf-8"))
    config["auto_map"] = {"AutoModelForCausalLM": "modeling_own.OwnLlamaForCausalLM"}
    Path(folder, "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def test_it_trains_and_is_evaluated_by_its_own_forward(checkpoint: str, tmp_path: Path) -> None:
    config = tiny_config(checkpoint, tmp_path, model__trust_remote_code=True)
    model, tokenizer = load_tiny(config)
    causal_lm = model.get_base_model()
    assert causal_lm.config.model_type == "llama"
    assert decoder_obstacle(model) == "OwnLlamaForCausalLM is not transformers' own class"
    assert head_kind(causal_lm) == "own"
    dataset = tiny_dataset(tokenizer)
    trainer = LLMTrainer(config, model, tokenizer, dataset, dataset)
    assert trainer.resolved.engine.name == "trainer"
    batch = RightPadder(0)([dataset[0]])
    with torch.no_grad():
        total, targets = response_loss(causal_lm, batch)
        states = causal_lm.model(input_ids=batch["input_ids"])[0]  # what was computed before
        own, plain = (
            torch.nn.functional.cross_entropy(logits[0, :-1], batch["labels"][0, 1:])
            for logits in (causal_lm(input_ids=batch["input_ids"]).logits, causal_lm.lm_head(states))
        )
    assert total.item() / targets == pytest.approx(own.item(), rel=1e-6)
    assert abs(plain.item() - own.item()) > 0.1
    assert trainer.evaluate()["eval_loss"] > 0
