"""A kind of model that the packed engine doesn't compute goes through train, evaluate, export and plan, and says so."""

import json

import pytest

from src.tests.commands.conftest import write_csv
from src.tests.real_tokenizers import CHATML
from src.tests.tiny_architectures import write_architecture
from src.tests.tiny_models import DIALOGUES, SUMMARIES, tiny_tokenizer

# As Gemma 4 E2B and E4B: embeddings by layer, and the last layers with keys and values of others.
SMALL = {"hidden_size_per_layer_input": 16, "vocab_size_per_layer_input": 259, "num_kv_shared_layers": 2}
EXPERTS = {"enable_moe_block": True, "num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": 32}
KINDS = {
    "small": (
        SMALL | {"use_double_wide_mlp": True, "layer_types": ["sliding_attention", "full_attention"] * 2},
        "the decoder has other parts: embed_tokens_per_layer, per_layer_model_projection, per_layer_projection_norm",
        "hidden_size_per_layer_input",
    ),
    "experts": (
        EXPERTS | {"layer_types": ["sliding_attention", "full_attention"] * 2},
        "Gemma4TextRouter (model.layers.0.router) is not written out",
        "enable_moe_block",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.long
def test_gemma_4s_other_kinds_train_in_the_trainer_engine(kind, yoyak, folder):
    settings, obstacle, setting = KINDS[kind]
    tokenizer = tiny_tokenizer(pad_token="<|im_start|>")
    tokenizer.chat_template = CHATML
    write_architecture(folder / "base", "gemma4_text", tokenizer, num_hidden_layers=4, pad_token_id=257, **settings)
    write_csv(folder / "train.csv", DIALOGUES, SUMMARIES)
    write_csv(folder / "dev.csv", DIALOGUES[:2], SUMMARIES[:2])
    own = ["model.checkpoint=base", "data.train=train.csv", "data.eval=dev.csv", "dataset.language=en"]
    small = ["tokenizer.encoder_max_len=256", "tokenizer.decoder_max_len=8", "lora.r=4", "training.max_steps=1"]
    trained = yoyak("train", "-e", "gemma4_12b", *own, *small, "training.report_to=[]", "experiment.name=run")
    assert trained.code == 0, trained.err
    resolved = json.loads((folder / "outputs/run/run.json").read_text())["resolved"]
    assert (resolved["engine"], resolved["engine_reason"]) == ("trainer", f"the packed engine can't: {obstacle}")
    scored = json.loads(yoyak("evaluate", "--adapter", "outputs/run/final_model", "--json").out)
    assert scored["n"] == 2
    exported = json.loads(yoyak("export", "--run", "run", "--to", "merged", "--out", "merged", "--json").out)
    assert exported["loss"]["merged"] == pytest.approx(exported["loss"]["trained"], abs=0.1)
    planned = yoyak("plan", "-e", "gemma4_12b", "model.checkpoint=base", "--memory-gb", "24")
    assert planned.code == 2
    assert planned.err.strip() == f"yoyak: base: models of type gemma4_text with {setting} can't be planned"
