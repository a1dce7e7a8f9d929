"""What is exported ends where the model did: at the prompt's end token and at all others of the checkpoint's."""

import json
from pathlib import Path

import gguf

from src.export.gguf_model import write_model_gguf
from src.export.merged import set_generation
from src.export.ollama import modelfile
from src.models.generation_settings import CheckpointGeneration, end_ids_of
from src.models.lora_loader import LoRALoader
from src.tests.export.small_models import small_model, splitting_tokenizer
from src.tests.export.test_chat_template import config_of, prompt_of
from src.tests.real_tokenizers import tiny_tokenizer
from src.tests.tiny_models import tiny_config, write_tiny_model


def test_the_merged_models_own_default() -> None:
    model, tokenizer = small_model("llama"), tiny_tokenizer("chatml")
    set_generation(model, tokenizer, 261, 16, [261, 7, 9])
    assert model.generation_config.eos_token_id == model.config.eos_token_id == [261, 7, 9]
    assert end_ids_of(model, 261) == [261, 7, 9]


def test_gguf_has_room_for_three(tmp_path: Path) -> None:
    for more, expected in (((), (261, 261, None)), ((7,), (261, 7, None)), ((7, 9, 11), (261, 7, 9))):
        path = tmp_path / f"{len(more)}.gguf"
        settings = {"name": "x", "end_id": 261, "add_bos": False, "chat_template": None, "more_ends": more}
        write_model_gguf(path, small_model("llama", vocab_size=266), splitting_tokenizer(), "f16", **settings)
        fields = gguf.GGUFReader(path).fields
        names = [f"tokenizer.ggml.{role}_token_id" for role in ("eos", "eot", "eom")]
        assert tuple(fields[name].contents() if name in fields else None for name in names) == expected


def test_a_modelfile_stops_at_each() -> None:
    config, tokenizer = config_of("llama", language="en"), tiny_tokenizer("llama")
    text = modelfile(config, tokenizer, prompt_of(config, tokenizer), "x.gguf", 8192, [263, 264, 34])
    stops = [line for line in text.splitlines() if line.startswith("PARAMETER stop")]
    assert stops == [
        'PARAMETER stop "<|eot_id|>"',
        'PARAMETER stop "<|end_of_text|>"',
        'PARAMETER stop "<|finetune_right_pad_id|>"',
        'PARAMETER stop "\\""',
    ]


def test_a_whole_model_keeps_them_when_it_is_saved_and_loaded(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "base", num_hidden_layers=1)
    (Path(folder) / "generation_config.json").write_text(json.dumps({"eos_token_id": [3, 256], "min_length": 5}))
    config = tiny_config(folder, lora__use_lora=False, lora__use_qlora=False)
    model, tokenizer = LoRALoader(config).load_model_and_tokenizer(use_lora=False)
    model.save_pretrained(tmp_path / "again")
    tokenizer.save_pretrained(tmp_path / "again")
    found = CheckpointGeneration(str(tmp_path / "again"), config.model)
    assert (found.end_ids(tokenizer), found.wishes) == ([3, 256], [])
