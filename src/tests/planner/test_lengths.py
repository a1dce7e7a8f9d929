"""Lengths of examples: shipped, by hand, from data, and their cache."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from src.config import load_config
from src.data.files.sources import load_dialogues
from src.data.llm_dataset import create_llm_dataset
from src.data.prompt.prompts import prompt_arguments
from src.errors import YoyakError
from src.models.lora_loader import LoRALoader
from src.planner.data_lengths import data_lengths
from src.planner.lengths import Lengths, estimated_lengths, lengths_by_hand, shipped_lengths, tokenizer_family
from src.planner.shapes import find_shape
from src.tests.tiny_models import CHATML, LLAMA3, tiny_tokenizer, write_tiny_model


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("YOYAK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize("family", ["llama3", "qwen3", "smollm2"])
def test_the_shipped_histogram_has_12457_examples(family):
    lengths = shipped_lengths(family)
    assert len(lengths) == 12_457
    assert all(count >= 1 for count in lengths.responses)
    assert all(prompt >= 30 for prompt in lengths.prompts)


def test_the_shipped_llama_lengths_are_about_300_tokens():
    examples = shipped_lengths("llama3").examples(100_000)
    assert 295 < sum(tokens for tokens, _ in examples) / len(examples) < 309
    assert len(shipped_lengths("llama3", 499)) == 499


def test_lengths_by_hand_have_the_mean_the_percentile_and_the_maximum():
    lengths = lengths_by_hand("300,600,1200", 10_000)
    totals = sorted(tokens for tokens, _ in lengths.examples(100_000))
    assert totals[-1] == 1200
    assert abs(sum(totals) / len(totals) - 300) < 9
    assert abs(totals[9500] - 600) < 12
    assert lengths.estimated


@pytest.mark.parametrize("text", ["300", "300,200,100", "a,b,c", "0,1,2", "100,200,1e9"])
def test_lengths_that_make_no_sense_are_refused(text):
    with pytest.raises(YoyakError, match=f"--lengths {text}: "):
        lengths_by_hand(text)


def test_truncation_is_counted_and_kept_out_of_the_response():
    lengths = Lengths([100, 300, 50], [10, 20, 30], "")
    assert lengths.examples(120) == ((110, 10), (140, 20), (80, 30))
    assert lengths.cut(120) == (1, 180)
    assert lengths.repeated(2).prompts == [100, 100, 300, 300, 50, 50]
    assert len(lengths.first(2)) == 2


def _data(path: Path) -> Path:
    path.write_text('dialogue,summary\n"A: Hi!\nB: Hello.","They greet."\n"A: 안녕?","인사한다."\n', encoding="utf-8")
    return path


def test_lengths_of_data_are_those_of_the_data_set(tmp_path, home):
    tokenizer = tiny_tokenizer(LLAMA3)
    folder = write_tiny_model(tmp_path / "base", tokenizer=tokenizer)
    data = _data(tmp_path / "train.csv")
    config = load_config("llama_3.2_3b", [f"model.checkpoint={folder}", f"data.train={data}"])
    found = data_lengths(config, find_shape(folder)[0], "train", named=True)
    dataset = create_llm_dataset(
        ["A: Hi!\nB: Hello.", "A: 안녕?"],
        ["They greet.", "인사한다."],
        tokenizer,
        format_type="chat",
        chat_template="llama",
    )
    assert [p + r for p, r in zip(found.prompts, found.responses, strict=True)] == dataset.lengths.tolist()
    assert list(found.prompts) == dataset.prompt_lengths.tolist()
    assert not found.estimated
    (cached,) = (home / "lengths").iterdir()
    content = json.loads(cached.read_text(encoding="utf-8"))
    cached.write_text(json.dumps(content | {"prompts": [7, 7]}), encoding="utf-8")
    assert data_lengths(config, find_shape(folder)[0], "train", named=True).prompts == [7, 7]
    data.write_text(data.read_text(encoding="utf-8") + "C: Bye.,They part.\n", encoding="utf-8")
    assert len(data_lengths(config, find_shape(folder)[0], "train", named=True)) == 3  # other content, counted anew
    cached.write_text("{", encoding="utf-8")
    assert len(data_lengths(config, find_shape(folder)[0], "train", named=True)) == 3


OWN_TEMPLATE = (
    "{% for message in messages %}{{ '<start_of_turn>' + message['role'] + '\n' + message['content'] }}"
    "{{ '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)


@pytest.mark.parametrize(
    ("tokens", "template", "settings"),
    [
        (("<start_of_turn>", "<end_of_turn>"), OWN_TEMPLATE, []),
        (CHATML, OWN_TEMPLATE.replace("start_of_turn", "|im_start|").replace("end_of_turn", "|im_end|"), []),
        ((), None, []),  # a Llama, which gets Llama's control tokens
        (CHATML, None, ["model.chat_template=llama"]),
        ((), OWN_TEMPLATE, ["dataset.format_type=instruction"]),
    ],
)
def test_lengths_are_those_of_training_whatever_the_chat_template(tmp_path, home, tokens, template, settings):
    tokenizer = tiny_tokenizer(tokens)
    tokenizer.chat_template = template
    folder = write_tiny_model(tmp_path / "base", tokenizer=tokenizer)
    data = _data(tmp_path / "train.csv")
    settings = ["model.chat_template=auto", *settings, f"model.checkpoint={folder}", f"data.train={data}"]
    config = load_config("llama_3.2_3b", settings)
    found = data_lengths(config, find_shape(folder)[0], "train", named=True)
    rows = load_dialogues(str(data), config.data).rows
    texts = [row.dialogue for row in rows], [row.summary for row in rows]
    dataset = create_llm_dataset(*texts, LoRALoader(config).tokenizer, **prompt_arguments(config))
    assert list(found.prompts) == dataset.prompt_lengths.tolist()
    assert list(found.responses) == (dataset.lengths - dataset.prompt_lengths).tolist()
    assert found.own[0] == dataset.prompt.own_tokens


def test_another_chat_template_is_counted_anew(tmp_path, home):
    tokenizer = tiny_tokenizer(CHATML)
    folder = write_tiny_model(tmp_path / "base", tokenizer=tokenizer)
    settings = ["model.chat_template=auto", f"model.checkpoint={folder}", f"data.train={_data(tmp_path / 'train.csv')}"]
    config = load_config("llama_3.2_3b", settings)
    before = data_lengths(config, find_shape(folder)[0], "train", named=True)
    its = OWN_TEMPLATE.replace("start_of_turn", "|im_start|").replace("end_of_turn", "|im_end|")
    (tmp_path / "base" / "chat_template.jinja").write_text("A long beginning. " + its, encoding="utf-8")
    assert data_lengths(config, find_shape(folder)[0], "train", named=True).prompts[0] > before.prompts[0]


def test_without_a_tokenizer_lengths_are_estimated_from_characters(tmp_path):
    config = load_config("llama_3.2_3b", [f"data.train={_data(tmp_path / 'train.csv')}", "dataset.language=ko"])
    found = data_lengths(config, find_shape(config.model.checkpoint)[0], "train", named=True)
    assert found.estimated
    assert list(found.prompts) == [36 + 9, 36 + 3]  # 17 and 6 characters at 0.5452
    assert list(found.responses) == [1 + 6, 1 + 3]  # 11 and 5 characters at 0.5344


def test_estimates_are_called_so_and_count_the_end_token():
    """At 0.5452 tokens a character, 36 around a dialogue, 0.5344 in a summary and one for its end."""
    found = estimated_lengths(["가" * 100, " 나\n"], ["다" * 10, ""], "llama3", "ko", "there")
    assert found == Lengths([55 + 36, 1 + 36], [5 + 1, 0 + 1], "there", estimated=True)


def test_an_absent_default_is_the_shipped_histogram_and_a_named_file_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = load_config("llama_3.2_3b")
    shape = find_shape(config.model.checkpoint)[0]
    assert data_lengths(config, shape, "train", named=False).source.startswith("the shipped histogram of 12,457")
    assert len(data_lengths(config, shape, "eval", named=False)) == 499
    with pytest.raises(YoyakError, match=r"data/raw/train.csv: no such file"):
        data_lengths(config, shape, "train", named=True)


def test_the_first_examples_and_repeated_ones():
    lengths = Lengths([100, 300, 50], [10, 20, 30], "there", estimated=True)
    assert lengths.first(2) == Lengths([100, 300], [10, 20], "there", estimated=True)
    assert lengths.first(3) is lengths.first(None) is lengths.first(4) is lengths
    assert lengths.repeated(2).responses == [10, 10, 20, 20, 30, 30]
    assert lengths.examples(100) == ((110, 10), (320 - 200, 20), (80, 30))
    assert lengths.cut(300) == (0, 0)


def test_families_of_tokenizers_by_vocabulary_then_by_layout():
    llama, qwen, smollm = (find_shape(name)[0] for name in FAMILIES)
    assert [tokenizer_family(shape, "auto") for shape in (llama, qwen, smollm)] == ["llama3", "qwen3", "smollm2"]
    other = replace(qwen, vocabulary=999)
    assert (tokenizer_family(other, "auto"), tokenizer_family(other, "llama")) == ("qwen3", "llama3")
    assert tokenizer_family(replace(llama, vocabulary=999), "auto") == "llama3"
    gemma = replace(llama, kind="gemma3_text", vocabulary=262_144)
    assert tokenizer_family(gemma, "auto") == "qwen3"  # of the largest vocabulary
    assert tokenizer_family(replace(gemma, kind="exaone4", vocabulary=102_400), "auto") == "llama3"


FAMILIES = ("Bllossom/llama-3.2-Korean-Bllossom-3B", "Qwen/Qwen3-4B-Instruct-2507", "bundled:smollm2-135m")


def test_shipped_prompts_and_responses_are_apart():
    """Korean summaries are a fifth of their dialogues, about; the histogram holds whole examples."""
    lengths = shipped_lengths("llama3")
    assert sum(lengths.prompts) > 3 * sum(lengths.responses)
    assert 295 < (sum(lengths.prompts) + sum(lengths.responses)) / len(lengths) < 309


def test_what_decides_the_lengths_decides_what_is_cached(tmp_path, home):
    folder = write_tiny_model(tmp_path / "base", tokenizer=tiny_tokenizer(LLAMA3))
    data = _data(tmp_path / "train.csv")

    def counted(*overrides: str) -> Lengths:
        config = load_config("llama_3.2_3b", [f"model.checkpoint={folder}", f"data.train={data}", *overrides])
        return data_lengths(config, find_shape(folder)[0], "train", named=True)

    usual = counted()
    assert len(list((home / "lengths").iterdir())) == 1
    longer = counted("dataset.instruction=Summarize this dialogue in one short sentence")
    assert longer.prompts[0] > usual.prompts[0]
    assert counted().prompts == usual.prompts
    assert len(list((home / "lengths").iterdir())) == 2
    rows = [{"dialogue": f"[민수] [오후 3:1{n}] 안녕\n[지은] [오후 3:1{n}] 응", "summary": "인사"} for n in range(3)]
    chats = tmp_path / "chats.jsonl"
    chats.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    turned = counted(f"data.train={chats}", "data.dialogue_format=kakaotalk")
    assert counted(f"data.train={chats}", "data.dialogue_format=turns").prompts[0] > turned.prompts[0]
    tokenizer = Path(folder) / "tokenizer.json"
    content = json.loads(tokenizer.read_text(encoding="utf-8"))
    content["model"]["merges"] = []  # every character on its own
    tokenizer.write_text(json.dumps(content), encoding="utf-8")
    counted()
    assert len(list((home / "lengths").iterdir())) == 5
