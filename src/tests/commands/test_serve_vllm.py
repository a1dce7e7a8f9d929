"""`yoyak serve --engine vllm`: what is handed over to vLLM, and what is refused."""

import json
import os
import signal
import subprocess
import sys
import tempfile

import pytest
from safetensors.torch import load_file, save_file

from src.serving.vllm import run_to_its_end
from src.tests.tiny_models import load_tiny, tiny_config

VLLM = """#!{python}
import json, os, sys
arguments = sys.argv[1:]
template = open(arguments[arguments.index("--chat-template") + 1], encoding="utf-8").read()
folder = arguments[arguments.index("--generation-config") + 1]
ends = json.load(open(os.path.join(folder, "generation_config.json"), encoding="utf-8"))
seen = {{"arguments": arguments, "template": template, "key": os.environ.get("VLLM_API_KEY"), "ends": ends}}
json.dump(seen, open("seen.json", "w"))
sys.exit({code})
"""


@pytest.fixture
def fake_vllm(tiny, monkeypatch):
    """Put a command `vllm` onto the PATH that writes down how it was called."""

    def write(code=0):
        script = tiny / "bin" / "vllm"
        script.parent.mkdir(exist_ok=True)
        script.write_text(VLLM.format(python=sys.executable, code=code))
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")

    return write


class TestVllm:
    def test_it_is_called_with_the_models_prompt_and_limits(self, yoyak, tiny, fake_vllm):
        fake_vllm()
        arguments = ("-e", "tiny.yaml", "--port", "0", "--engine", "vllm", "--api-key", "the key")
        assert yoyak("serve", *arguments, "lora.use_qlora=false").code == 0
        seen = json.loads((tiny / "seen.json").read_text())
        called = seen["arguments"]
        options = dict(zip(called[2::2], called[3::2], strict=True))
        assert called[:2] == ["serve", str(tiny / "base")]
        assert int(options.pop("--port")) > 0
        assert options.pop("--chat-template").endswith("chat_template.jinja")
        # Its own end tokens are the tokenizer's and the checkpoint's; the template's is another here.
        assert seen["ends"] == {"eos_token_id": [258, 256]}
        assert options.pop("--generation-config").startswith(tempfile.gettempdir())
        assert json.loads(options.pop("--override-generation-config")) == {
            "temperature": 0.0, "top_p": 1.0, "repetition_penalty": 1.0, "max_new_tokens": 8
        }  # fmt: skip
        assert options == {
            "--dtype": "bfloat16",
            "--max-model-len": "264",
            "--max-num-seqs": "256",
            "--served-model-name": "tiny_qlora",
            "--host": "127.0.0.1",
        }
        assert seen["key"] == "the key"
        assert "the key" not in called

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            (["generation.num_beams=4"], "add generation.num_beams=1"),
            (["generation.mbr_samples=4"], "add generation.mbr_samples=0"),
            (["generation.no_repeat_ngram_size=3"], "add generation.no_repeat_ngram_size=0, or leave --engine out"),
            (["--timeout-s", "5", "--truncate"], "vLLM has limits of its own: leave out --timeout-s, --truncate"),
            (["generation.min_new_tokens=2"], "add generation.min_new_tokens=0, or leave --engine out"),
        ],
    )
    def test_it_is_not_called_for_what_it_would_leave_out(self, yoyak, tiny, fake_vllm, settings, said):
        fake_vllm()
        result = yoyak("serve", "-e", "tiny.yaml", "--port", "0", "--engine", "vllm", *settings)
        assert result.code == 2
        assert said in result.err
        assert not (tiny / "seen.json").exists()

    def test_it_samples_as_the_config_says(self, yoyak, tiny, fake_vllm):
        fake_vllm()
        sampling = ("do_sample=true", "temperature=0.7", "top_p=0.9", "top_k=20", "repetition_penalty=1.2")
        arguments = ("-e", "tiny.yaml", "--port", "0", "--engine", "vllm")
        assert yoyak("serve", *arguments, *(f"generation.{one}" for one in sampling)).code == 0
        called = json.loads((tiny / "seen.json").read_text())["arguments"]
        assert json.loads(called[called.index("--override-generation-config") + 1]) == {
            "temperature": 0.7, "top_p": 0.9, "top_k": 20, "repetition_penalty": 1.2, "max_new_tokens": 8
        }  # fmt: skip

    def test_what_no_request_goes_by_is_said(self, yoyak, tiny, fake_vllm):
        fake_vllm()
        unread = ("generation.top_k=3", "generation.batch_tokens=999", "generation.seed=7")
        result = yoyak("serve", "-e", "tiny.yaml", "--port", "0", "--engine", "vllm", *unread)
        assert result.code == 0
        said = [line for line in result.err.splitlines() if "without effect" in line]
        assert said == [
            "yoyak: generation.seed is without effect: tokens are drawn with generation.do_sample=true",
            "yoyak: generation.batch_tokens is without effect: vLLM has one of its own",
        ]
        called = json.loads((tiny / "seen.json").read_text())["arguments"]
        assert json.loads(called[called.index("--override-generation-config") + 1])["top_k"] == 3

    def test_a_4_bit_base_stays_4_bit(self, yoyak, tiny, fake_vllm):
        fake_vllm()
        assert yoyak("serve", "-e", "tiny.yaml", "--port", "0", "--engine", "vllm").code == 0
        called = json.loads((tiny / "seen.json").read_text())["arguments"]
        assert called[called.index("--quantization") + 1] == "bitsandbytes"

    @pytest.mark.parametrize(("settings", "refused"), [({"lora__r": 12}, None), ({"lora__use_dora": True}, "DoRA")])
    def test_an_adapter_that_it_loads_and_one_that_it_does_not(self, yoyak, tiny, fake_vllm, settings, refused):
        fake_vllm()
        model, _ = load_tiny(tiny_config(str(tiny / "base"), tiny, **settings))
        model.save_pretrained(tiny / "adapter", save_embedding_layers=False)
        arguments = ("-e", "tiny.yaml", "--adapter", "adapter", "--port", "0", "--engine", "vllm")
        result = yoyak("serve", *arguments)
        if refused:
            assert result.code == 2
            assert f"adapter: vLLM does not load adapters with {refused}; merge it first" in result.err
            return
        called = json.loads((tiny / "seen.json").read_text())["arguments"]
        served = called.index("--served-model-name")
        assert called[served : served + 7] == [
            "--served-model-name", "tiny_qlora-base", "--enable-lora",
            "--lora-modules", f"tiny_qlora={tiny / 'adapter'}", "--max-lora-rank", "16",
        ]  # fmt: skip

    def test_its_exit_code_is_ours(self, yoyak, tiny, fake_vllm):
        fake_vllm(code=3)
        assert yoyak("serve", "-e", "tiny.yaml", "--port", "0", "--engine", "vllm").code == 3

    def test_where_it_is_not_installed(self, yoyak, tiny, monkeypatch):
        monkeypatch.setenv("PATH", str(tiny))
        result = yoyak("serve", "-e", "tiny.yaml", "--port", "0", "--engine", "vllm")
        assert result.code == 2
        assert result.err.startswith("yoyak: --engine vllm: vLLM is not installed here; install it")
        assert result.err.count("\n") == 1

    def test_a_checkpoint_that_lacks_a_matrix_is_not_handed_over(self, yoyak, tiny, fake_vllm):
        fake_vllm()
        weights = tiny / "base" / "model.safetensors"
        save_file({n: t for n, t in load_file(weights).items() if "0.mlp.up" not in n}, weights, {"format": "pt"})
        result = yoyak("serve", "-e", "tiny.yaml", "--port", "0", "--engine", "vllm")
        assert result.code == 2
        assert "lacks a tensor of the model in its config.json, model.layers.0.mlp.up_proj.weight" in result.err
        assert not (tiny / "seen.json").exists()


def test_a_signal_that_comes_while_it_is_being_started_is_passed_on(monkeypatch):
    popen = subprocess.Popen

    def interrupted(*arguments, **settings):
        process = popen(*arguments, **settings)
        os.kill(os.getpid(), signal.SIGTERM)
        return process

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    before = signal.signal(signal.SIGTERM, lambda *_: None)  # where nobody passes it on, the sleep goes on to its end
    try:
        assert run_to_its_end(["sleep", "5"], dict(os.environ)) == -signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before)
