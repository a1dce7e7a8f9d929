"""All of a model's end tokens end a summary, in every decoder; what else its files ask for changes nothing."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from src.config.schema import GenerationSettings
from src.data.prompt.templates import PromptTemplate, create_prompt_template
from src.decoder.cached_decoder import CachedDecoder
from src.decoder.decoder_obstacle import decoder_obstacle
from src.decoder.generation import generate
from src.errors import YoyakError
from src.inference import generator
from src.inference.decoding import before_end, length_to_end
from src.inference.generator import stream_summaries
from src.models.lora_loader import LoRALoader
from src.serving.engine import TransformersEngine
from src.serving.jobs import GenerationJob
from src.serving.text import decode
from src.tests.tiny_models import DIALOGUES, tiny_config, write_tiny_model

DECODERS = {
    "greedy": {},
    "greedy of transformers": {},
    "beams": {"num_beams": 2},
    "sampling": {"do_sample": True, "top_k": 1},
    "MBR": {"mbr_samples": 2, "top_k": 1},
}


def loaded(folder: str) -> tuple[LoRALoader, Any, Any, PromptTemplate]:
    loader = LoRALoader(tiny_config(folder, lora__use_qlora=False))
    model, tokenizer = loader.load_model_and_tokenizer(use_lora=False)
    return loader, model, tokenizer, create_prompt_template(tokenizer, format_type="chat", language="en")


def settle(folder: str, **settings: object) -> None:
    (Path(folder) / "generation_config.json").write_text(json.dumps(settings))


def summaries(folder: str, **settings: Any) -> list[tuple[str, bool]]:
    _, model, tokenizer, prompt = loaded(folder)
    prompts = prompt.encode_prompts(DIALOGUES)
    stream = stream_summaries(
        model, tokenizer, prompts, GenerationSettings(**settings), end_id=prompt.end_id, max_new_tokens=12
    )
    return [(result.text, result.ended) for _, result in sorted(stream)]


@pytest.fixture
def folder(tmp_path: Path) -> str:
    folder = write_tiny_model(tmp_path / "base", num_hidden_layers=1)
    settle(folder)
    return folder


def new_ids(folder: str) -> list[list[int]]:
    """Return 12 greedy tokens after each prompt, with no end but the prompt's own and the tokenizer's."""
    _, model, _, prompt = loaded(folder)
    prompts = prompt.encode_prompts(DIALOGUES)
    ended = generate(CachedDecoder(model), prompts, GenerationSettings(), max_new_tokens=12, end_ids=[-1])
    return [ids for _, ids in sorted(pair for some in ended for pair in some)]


def written(tokenizer: Any, ids: list[int], ends: Collection[int]) -> str:
    """Return what stands before an end, or all but broken bytes at the end, where a limit cuts a character."""
    text: str = tokenizer.decode(before_end(ids, ends), skip_special_tokens=True).strip()
    return text.rstrip("\ufffd").rstrip() if set(ends).isdisjoint(ids) else text


@pytest.mark.parametrize("where", ["generation_config.json", "config.json"])
@pytest.mark.parametrize("decoder", DECODERS)
def test_each_end_token_ends_a_summary(folder: str, decoder: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    free = new_ids(folder)
    end = free[0][4]
    if where == "config.json":
        path = Path(folder) / where
        path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token_id": [256, end]}))
    else:
        settle(folder, eos_token_id=[256, end])
    if decoder == "greedy of transformers":
        monkeypatch.setattr(generator, "generates_fast", lambda model: False)
    made = summaries(folder, **DECODERS[decoder])
    _, _, tokenizer, prompt = loaded(folder)
    ends = {end, 256, prompt.end_id}
    for (text, ended), ids in zip(made, free, strict=True):
        if decoder != "beams":
            assert text == written(tokenizer, ids, ends)
            assert ended is not ends.isdisjoint(ids)
        assert tokenizer.convert_ids_to_tokens(end) not in text
    assert made[0][1] or decoder == "beams"


@pytest.mark.parametrize("slow", [False, True])
def test_each_end_token_ends_a_job_of_the_server(folder: str, slow: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    free = new_ids(folder)
    end = free[0][4]
    settle(folder, eos_token_id=[256, end])
    _, model, tokenizer, prompt = loaded(folder)
    if slow:
        monkeypatch.setattr("src.decoder.decoder_obstacle.decoder_obstacle", lambda model: "slow")
    jobs = [
        GenerationJob(i, prompt.end_id, 12, more_ends=frozenset({256, end})) for i in prompt.encode_prompts(DIALOGUES)
    ]
    waiting = [jobs]
    TransformersEngine(model).generate(lambda: waiting.pop() if waiting else [])
    assert slow or decoder_obstacle(model) is None
    for job, ids in zip(jobs, free, strict=True):
        assert job.generated == ids[: length_to_end(ids, job.ends)]
        assert job.finish == ("stop" if job.generated[-1] in job.ends else "length")
        assert decode(tokenizer, job.generated, job.ends) == written(tokenizer, ids, job.ends)
    assert jobs[0].finish == "stop"


def test_no_end_comes_before_the_shortest_length(folder: str) -> None:
    free = new_ids(folder)
    settle(folder, eos_token_id=[256, free[-1][1]])
    *_, (text, _) = summaries(folder)  # of the dialogue that begins with a letter, not with broken bytes
    *_, (longer, _) = summaries(folder, min_new_tokens=6)
    assert len(longer) > len(text)


def test_the_ends_are_resolved_once_and_recorded(folder: str) -> None:
    settle(folder, eos_token_id=[2, 0], temperature=0.6)
    loader, model, _, prompt = loaded(folder)
    assert loader.resolved["end_token_ids"] == [2, 0, 256]  # of both files, then the tokenizer's
    assert model.generation_config.eos_token_id == [2, 0, 256]
    assert prompt.end_id == 258  # what is trained is the template's
    assert loader.facts.notes == ["The checkpoint asks for temperature=0.6; generation.* decides alone"]
    assert loader.resolved["ignored_generation_wishes"] == ["temperature=0.6"]


WISHES = {
    "suppress_tokens": list(range(40, 60)),
    "begin_suppress_tokens": list(range(60, 90)),
    "bad_words_ids": [[index] for index in range(97, 123)],
    "sequence_bias": [[[101], 5.0]],
    "forced_eos_token_id": 65,
    "forced_bos_token_id": 66,
    "min_length": 400,
    "max_length": 5,
    "repetition_penalty": 3.0,
    "num_beams": 3,
    "num_return_sequences": 3,
    "exponential_decay_length_penalty": [1, 2.0],
    "stop_strings": ["a"],
    "max_time": 1e-9,
    "guidance_scale": 3.0,
    "constraints": [1],
    "watermarking_config": {"bias": 3},
    "custom_generate": "x",
    "do_sample": True,
    "temperature": -1.0,
    "cache_implementation": "nonsense",
    "unheard_of": {"a": [1]},
}


@pytest.mark.parametrize("decoder", ["greedy", "beams", "sampling"])
def test_no_wish_of_the_checkpoint_changes_a_summary(folder: str, decoder: str) -> None:
    before = summaries(folder, **DECODERS[decoder])
    settle(folder, **WISHES)
    assert summaries(folder, **DECODERS[decoder]) == before
    path = Path(folder) / "config.json"
    (Path(folder) / "generation_config.json").unlink()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"repetition_penalty": 3.0, "max_length": 5}))
    assert summaries(folder, **DECODERS[decoder]) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{broken", r"base: can't be loaded: generation_config\.json: Expecting property name .*; get it again"),
        ("[1]", r"base: can't be loaded: generation_config\.json holds no settings; get it again"),
        ('{"eos_token_id": "</s>"}', r'eos_token_id = "</s>": must be token ids'),
        ('{"eos_token_id": [1, true]}', r"eos_token_id = \[1, true\]: must be token ids"),
    ],
)
def test_a_broken_file_is_one_line(folder: str, text: str, message: str) -> None:
    (Path(folder) / "generation_config.json").write_text(text)
    with pytest.raises(YoyakError, match=message):
        loaded(folder)
