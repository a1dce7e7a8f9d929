"""Generating with our own cache against transformers' `generate`, id for id in float32."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from src.config.schema import GenerationSettings
from src.decoder.cached_decoder import CachedDecoder
from src.decoder.decoder_obstacle import decoder_obstacle
from src.decoder.generation import generate
from src.decoder.row_batch import RowBatch
from src.tests.packed_models import WRITTEN_OUT
from src.tests.tiny_models import with_layer_factors

PROMPTS = [[5, 6, 7], [8], list(range(10, 47)), [3, 3, 3, 3, 9, 2], [60, 61]]
SIZES = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": 0,
}


def model_of(family, adapter, tied=True):
    torch.manual_seed(1)
    config = AutoConfig.for_model(family, **(SIZES | WRITTEN_OUT[family]), tie_word_embeddings=tied)
    model = with_layer_factors(AutoModelForCausalLM.from_config(config))
    if adapter:
        model = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"]))
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def greedy(model, tokens, end_id, rows=None):
    """Return each prompt's new ids by `generate`."""
    parts = generate(
        CachedDecoder(model), PROMPTS, GenerationSettings(), max_new_tokens=tokens, end_ids=[end_id], rows=rows
    )
    found = dict(pair for part in parts for pair in part)
    return [found[number] for number in range(len(PROMPTS))]


def generated(model, prompt, tokens, end_id):
    """Return one prompt's new ids by transformers."""
    output = model.generate(
        input_ids=torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        max_new_tokens=tokens,
        do_sample=False,
        eos_token_id=end_id,
        pad_token_id=0,
    )
    return output[0, len(prompt) :].tolist()


@pytest.mark.parametrize("family", WRITTEN_OUT)
@pytest.mark.parametrize("adapter", [False, True])
def test_ids_equal_those_of_generate(family, adapter):
    model = model_of(family, adapter, tied=family != "qwen2")
    assert decoder_obstacle(model) is None
    expected = [generated(model, prompt, 20, None) for prompt in PROMPTS]
    assert greedy(model, 20, -1) == expected
    assert [len(ids) for ids in expected] == [20] * 5


def test_states_of_the_delta_rule_are_not_in_16_bit():
    """Under autocast, as models in 16 bit generate; against float32 with the weights that bf16 holds."""
    narrow, ids = model_of("qwen3_5_text", adapter=True).bfloat16(), PROMPTS[2]
    batch = RowBatch(CachedDecoder(narrow))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        usual = narrow(torch.tensor([[*ids, 9]])).logits[0, -2:].float()
        ours = torch.cat([batch.add([ids]), batch.step([9])]).float()
    exact = narrow.float()(torch.tensor([[*ids, 9]])).logits[0, -2:]
    assert (ours - exact).norm() <= (usual - exact).norm()


@pytest.mark.parametrize("family", ["gemma4_text", "gemma4_unified_text"])
def test_logits_are_capped(family):
    model = model_of(family, adapter=True)
    batch = RowBatch(CachedDecoder(model))
    for ids, logits in ((PROMPTS[2], batch.add([PROMPTS[2]])), ([*PROMPTS[2], 9], batch.step([9]))):
        with torch.no_grad():
            expected = model(input_ids=torch.tensor([ids])).logits[:, -1]
        assert torch.allclose(logits, expected, atol=1e-5)
        assert 1 < expected.abs().max() < 2


def test_rows_end_at_their_end_token_and_leave_the_batch():
    model = model_of("llama", adapter=True)
    free = greedy(model, 20, -1)
    end_id = free[0][4]
    expected = [ids[: ids.index(end_id) + 1] if end_id in ids else ids for ids in free]
    assert len({len(ids) for ids in expected}) > 1
    assert greedy(model, 20, end_id) == expected


def test_one_new_token_is_the_prompts_own():
    model = model_of("llama", adapter=False)
    assert greedy(model, 1, -1) == [generated(model, prompt, 1, None) for prompt in PROMPTS]


def test_an_adapter_that_changes_is_read_anew():
    model = model_of("llama", adapter=True)
    before = greedy(model, 8, -1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.mul_(-2)
    after = greedy(model, 8, -1)
    assert after == [generated(model, prompt, 8, None) for prompt in PROMPTS]
    assert after != before
