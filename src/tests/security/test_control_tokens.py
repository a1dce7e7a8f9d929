"""Trap 8 at full width: whatever stands in a row, only the template's own control tokens come out.

`make test` draws a share of the cases, `make control-tokens` 10,000 for each family and each way into a model.
"""

import csv
import json
from functools import cache

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from tokenizers import Tokenizer

from src.config.schema import DataSettings
from src.data.files.sources import load_dialogues
from src.data.llm_dataset import create_llm_dataset
from src.data.prompt.plain_text import plain_text
from src.data.prompt.templates import create_prompt_template
from src.data.prompt.text_encoder import TextEncoder
from src.inference import generator
from src.serving.app import create_app
from src.serving.limits import RequestLimits
from src.serving.service import Service
from src.tests.odd_tokenizers import ODD_KINDS, odd_tokenizer
from src.tests.real_tokenizers import shared_tokenizer
from src.tests.security.hostile_rows import (
    ALL_CASES,
    FAST_CASES,
    FORMS,
    PLACES,
    HostileRow,
    control_ids,
    controls_of,
    disguised,
    drawn,
    hostile_rows,
    report,
    row_with,
    same_text,
)
from src.tests.serving.conftest import RecordingEngine
from src.tests.tiny_models import load_tiny, tiny_config, write_tiny_model

REAL = ["llama3", "qwen3"]
FAMILIES = [*REAL, *ODD_KINDS]  # the others as sentencepiece and BERT make them
LAYOUTS = [("chat", None), ("chat", "auto"), ("instruction", None)]
BENIGN = HostileRow("Ann: hi\n민수: go", "They talk.")
CASES = [
    pytest.param(FAST_CASES, id="a share"),
    pytest.param(ALL_CASES, id="all", marks=pytest.mark.slow),
]


@cache
def tokenizer_of(family):
    return shared_tokenizer(family) if family in REAL else odd_tokenizer(family)


@cache
def prompts(family):
    tokenizer = tokenizer_of(family)
    encoder = TextEncoder(tokenizer)
    return [
        create_prompt_template(
            tokenizer, format_type=layout, chat_template=template, encoder_max_len=4096, encoder=encoder
        )
        for layout, template in (LAYOUTS[1:] if family == "gemma" else LAYOUTS)
    ]


@cache
def controls_in(family):
    return control_ids(tokenizer_of(family))


@cache
def tokens_of(family):
    return sorted(token for token in tokenizer_of(family).get_added_vocab() if token.strip("\n▁"))


def check(family, rows):
    """Fail where an example of a row holds a control id that the template did not put there, or other text."""
    tokenizer, controls = tokenizer_of(family), controls_in(family)
    for prompt in prompts(family):
        own = controls_of(prompt.encode_example(BENIGN.dialogue, BENIGN.summary).input_ids, controls)
        examples = prompt.encode_examples([row.dialogue for row in rows], [row.summary for row in rows])
        for row, example in zip(rows, examples, strict=True):
            ids, length = example.input_ids, example.prompt_length
            assert controls_of(ids, controls) == own, row
            assert controls_of(ids[length:], controls) == [prompt.end_id], row
            body = ids[len(prompt.head_ids) : length - len(prompt.tail_ids)]
            assert same_text(tokenizer, body, prompt.lead + plain_text(row.dialogue) + prompt.trail), row
            assert same_text(tokenizer, ids[length:-1], plain_text(row.summary)), row


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("place", PLACES)
def test_every_token_in_every_place(family, place):
    """Each in one form, the forms in turn."""
    tokens = tokens_of(family)
    assert len(tokens) == {"llama3": 256, "qwen3": 26, "gemma": 9}.get(family, 8)
    forms = [FORMS[number % len(FORMS)] for number in range(len(tokens))]
    check(family, [row_with(disguised(*pair, 7), place, 5) for pair in zip(tokens, forms, strict=True)])


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", FORMS)
def test_every_token_in_every_place_and_form(family, place, form):
    check(family, [row_with(disguised(token, form, cut), place, cut) for token in tokens_of(family) for cut in (0, 5)])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("cases", CASES)
def test_training_examples(family, cases):
    @settings(max_examples=cases, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(hostile_rows(tokens_of(family)))
    def property_holds(row):
        check(family, [row])

    property_holds()
    report(family, "training examples", cases)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_check_itself_can_fail(family):
    """The tokenizer as it is, given the whole text, does what must not happen."""
    token = {"llama3": "<|eot_id|>", "qwen3": "<think>"}.get(family, "<s>")
    ids = tokenizer_of(family)(f"Ann: {token}", add_special_tokens=False).input_ids
    assert controls_of(ids, control_ids(tokenizer_of(family))) != []


@pytest.mark.parametrize("family", ["gemma", "first", "unigram"])
def test_without_added_tokens_their_vocabulary_still_reaches_control_tokens(family):
    """What the rows are tried against: merges and pieces that lead to `<s>`."""
    state = json.loads(tokenizer_of(family).backend_tokenizer.to_str())
    state.update(added_tokens=[], post_processor=None)
    assert tokenizer_of(family).bos_token_id in Tokenizer.from_str(json.dumps(state)).encode("Ann: <s>").ids


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("cases", CASES)
def test_rows_of_a_file_with_topics(family, cases, tmp_path):
    """From the file to the item that the trainer gets; a topic is no part of it."""
    tokenizer, controls = tokenizer_of(family), controls_in(family)
    rows = [row_with(tokens_of(family)[0], place) for place in PLACES] + drawn(hostile_rows(tokens_of(family)), cases)
    write_rows(tmp_path / "rows.csv", rows)
    table = load_dialogues(str(tmp_path / "rows.csv"), DataSettings())
    assert len(table.rows) == len(rows)
    assert tokens_of(family)[0] in {row.topic for row in table.rows}
    dataset = create_llm_dataset(
        [row.dialogue for row in table.rows],
        [row.summary for row in table.rows],
        tokenizer,
        4096,
        format_type="chat",
        chat_template=template_of(family),
    )
    own = controls_of(dataset.prompt.encode_example(BENIGN.dialogue, BENIGN.summary).input_ids, controls)
    for index in range(len(dataset)):
        item = dataset[index]
        assert controls_of(item["input_ids"].tolist(), controls) == own, rows[index]
        assert controls_of([i for i in item["labels"].tolist() if i != -100], controls) == [dataset.prompt.end_id]
    report(family, "training file", len(rows))


def write_rows(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["fname", "dialogue", "summary", "topic"])
        writer.writerows([f"r{i}", row.dialogue, row.summary, row.topic] for i, row in enumerate(rows))


# Through a model: tiny weights of random numbers under a real tokenizer.


def template_of(family):
    return None if family in REAL else "auto"


@pytest.fixture(scope="module", params=[*REAL, "gemma", "first"])
def real(request, tmp_path_factory):
    """A family, its config and a loaded model."""
    tokenizer, folder = tokenizer_of(request.param), tmp_path_factory.mktemp(request.param)
    kind = "qwen3" if request.param == "qwen3" else "llama"
    base = write_tiny_model(folder / "base", kind, tokenizer=tokenizer, rows=len(tokenizer))
    limits = {"tokenizer__encoder_max_len": 1024, "tokenizer__decoder_max_len": 1}
    config = tiny_config(base, folder, lora__use_qlora=False, dataset__format_type="chat", **limits)
    model, loaded = load_tiny(config)
    return request.param, config, model, loaded


def own_controls(prompt, controls):
    return controls_of(prompt.encode_prompt(BENIGN.dialogue), controls)


@pytest.mark.parametrize("cases", CASES)
@pytest.mark.long
def test_evaluation_and_summarize(real, cases, monkeypatch):
    """What `evaluate_model` and `generate_summaries` give the decoder."""
    from src.inference.scored import evaluate_model

    family, config, model, tokenizer = real
    limits = {"encoder_max_len": 1024, "decoder_max_len": 1}
    prompt = create_prompt_template(tokenizer, format_type="chat", chat_template=template_of(family), **limits)
    read = []
    generate = generator.generate

    def recorded(decoder, ids, *arguments, **options):
        read.extend(ids)
        return generate(decoder, ids, *arguments, **options)

    monkeypatch.setattr(generator, "generate", recorded)
    rows = drawn(hostile_rows(tokens_of(family)), cases)
    table = [row for row in rows if row.dialogue.strip()]
    evaluate_model(model, tokenizer, prompt, [_as_dialogue(i, row) for i, row in enumerate(table)], config)
    controls = control_ids(tokenizer)
    own = own_controls(prompt, controls)
    assert len(read) == len(table)
    assert [ids for ids in read if controls_of(ids, controls) != own] == []
    report(family, "evaluation and summarize", len(read))


def _as_dialogue(index, row):
    from src.data.files.sources import DialogueRow

    return DialogueRow(f"r{index}", row.dialogue, row.summary, row.topic)


@pytest.mark.parametrize("cases", CASES)
def test_server(real, cases):
    """What the server's engine is given for a list of dialogues, and for chats with names."""
    family, config, model, tokenizer = real
    limits = {"encoder_max_len": 1024, "decoder_max_len": 1}
    prompt = create_prompt_template(tokenizer, format_type="chat", chat_template=template_of(family), **limits)
    engine = RecordingEngine(model)
    service = Service(config, engine, tokenizer, prompt, RequestLimits(max_queue=200, batch_wait_seconds=0))
    rows = [row for row in drawn(hostile_rows(tokens_of(family)), cases) if row.dialogue.strip()]
    service.scheduler.start()
    try:
        with TestClient(create_app(service)) as client:
            for start in range(0, len(rows), 50):
                part = rows[start : start + 50]
                body = {"dialogues": [row.dialogue for row in part], "max_tokens": 1}
                assert client.post("/v1/summaries", json=body).status_code == 200
            for row in rows[: cases // 10]:
                message = {"role": "user", "content": row.dialogue, "name": row.topic[:256]}
                answer = client.post("/v1/chat/completions", json={"messages": [message]})
                assert answer.status_code in (200, 422), json.dumps(answer.json())
    finally:
        service.scheduler.stop()
    controls = control_ids(tokenizer)
    own = own_controls(prompt, controls)
    assert len(engine.prompts) >= len(rows)
    assert [ids for ids in engine.prompts if controls_of(ids, controls) != own] == []
    report(family, "server", len(engine.prompts))
