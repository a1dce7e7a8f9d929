"""`yoyak serve` as a process: its address, its signals, its exit codes, the hand-over to vLLM."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest
import yaml
from safetensors.torch import load_file, save_file

from src.serving.sockets import is_local, listen, url_of
from src.tests.tiny_models import load_tiny, tiny_config

ROOT = Path(__file__).resolve().parents[3]
DIALOGUE = "A: Go?\nB: Yes."


@pytest.fixture
def taken():
    """A port that somebody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


class TestTheDoor:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "name a model: --adapter"),
            (["-e", "tiny.yam"], "tiny.yam"),
            (["--adapter", "nowhere"], "no such adapter folder"),
            (["-e", "tiny.yaml", "--port", "{taken}"], "--port {taken}: the port is in use; choose another"),
            (["-e", "tiny.yaml", "--port", "70000"], "--port 70000: must be 0 to 65535"),
            (["-e", "tiny.yaml", "--host", "no such host"], "--host no such host: no such address"),
            (["-e", "tiny.yaml", "--host", "192.0.2.1"], "--host 192.0.2.1 --port 0: Cannot assign requested address"),
            (["-e", "tiny.yaml", "--host", "0.0.0.0"], "set YOYAK_API_KEY (or --api-key), or say --no-auth"),
            (["-e", "tiny.yaml", "--api-key", "k", "--no-auth"], "exclude each other"),
            (["-e", "tiny.yaml", "--api-key", " "], "--api-key: must be printable ASCII"),
            (["-e", "tiny.yaml", "--engine", "vlm"], "--engine vlm: unknown; did you mean 'vllm'?"),
            (["-e", "tiny.yaml", "--max-batch", "0"], "--max-batch 0: must be at least 1"),
            (["-e", "tiny.yaml", "--timeout-s", "nan"], "--timeout-s nan: must be at least 0.1"),
            (["-e", "tiny.yaml", "generation.num_beams=2"], "add generation.num_beams=1"),
            (["-e", "tiny.yaml", "generation.mbr_samples=4"], "add generation.mbr_samples=0"),
            (["-e", "tiny.yaml", "generation.mbr_samples=1"], "add generation.mbr_samples=0"),
        ],
    )
    def test_what_is_refused_before_anything_is_loaded(self, yoyak, tiny, taken, arguments, said):
        arguments = [argument.format(taken=taken) for argument in arguments]
        result = yoyak("serve", *(() if "--port" in arguments else ("--port", "0")), *arguments)
        assert result.code == 2
        assert said.format(taken=taken) in result.err
        assert result.err.startswith("yoyak: ")
        assert result.err.count("\n") == 1

    def test_an_open_address_with_a_key_from_the_environment_is_let_through(self, yoyak, tiny, monkeypatch):
        monkeypatch.setenv("YOYAK_API_KEY", "k")
        result = yoyak("serve", "--host", "0.0.0.0", "--port", "0", "-e", "tiny.yaml", "generation.num_beams=2")
        assert "add generation.num_beams=1" in result.err  # the next thing that is looked at
        monkeypatch.setenv("YOYAK_API_KEY", "")
        result = yoyak("serve", "--host", "0.0.0.0", "--port", "0", "-e", "tiny.yaml")
        assert "YOYAK_API_KEY: must be printable ASCII, not empty" in result.err

    def test_a_key_from_a_file_and_one_that_others_can_see(self, yoyak, tiny):
        (tiny / "key").write_text("s3cret\n")
        for key, said in (
            ("@key", "yoyak: --host 0.0.0.0"),  # never reached: the key is there
            ("s3cret", "yoyak: a key on the command line can be seen by all users of this machine"),
        ):
            result = yoyak("serve", "--host", "0.0.0.0", "--port", "0", "-e", "tiny.yaml", "--api-key", key, "x.y=1")
            assert result.code == 2
            assert (said in result.err) is (key == "s3cret")
            assert "s3cret" not in result.err
        result = yoyak("serve", "-e", "tiny.yaml", "--port", "0", "--api-key", "@nokey")
        assert result.err == (
            "yoyak: --api-key @nokey: cannot be read: No such file or directory; name a file that holds the key alone\n"
        )

    @pytest.mark.parametrize(("host", "local"), [("127.0.0.1", True), ("localhost", True), ("0.0.0.0", False)])
    def test_which_addresses_are_local(self, host, local):
        with listen(host, 0) as listener:
            assert is_local(listener) is local

    def test_an_address_of_ip_version_6(self):
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError as error:
            pytest.skip(f"this machine has no IPv6 address of its own: {error}")
        with listen("::1", 0) as listener:
            assert is_local(listener)
            assert url_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"

    def test_help(self, yoyak):
        result = yoyak("serve", "--help")
        assert result.code == 0
        assert "--api-key" in result.out


@contextlib.contextmanager
def serving(folder, config, most_files=1024):
    """Start `yoyak serve` with a limit on open files; give process and address."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "src.cli", "serve", "-e", config, "--port", "0"]
    limited = ["bash", "-c", f'ulimit -S -n {most_files}; exec "$@"', "serve", *command]
    process = subprocess.Popen(limited, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if line.startswith("Serving"):
                yield process, line.split()[3].removesuffix("/v1")
                break
        else:
            pytest.fail("it did not start")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture
def started(tiny):
    """Start `yoyak serve` on a tiny model that writes summaries of 300 tokens; give process and address."""
    config = yaml.safe_load((tiny / "tiny.yaml").read_text())
    config["tokenizer"] = {"encoder_max_len": 200, "decoder_max_len": 300}
    config["generation"] = {"min_new_tokens": 300}
    (tiny / "long.yaml").write_text(yaml.safe_dump(config))
    with serving(tiny, "long.yaml") as process_and_url:
        yield process_and_url


@pytest.mark.slow
def test_more_idle_connections_than_files(tiny):
    """400 of them against a process that may open 256 files: it answers at once, and says nothing."""
    with serving(tiny, "tiny.yaml", most_files=256) as (process, url), contextlib.ExitStack() as stack:
        address = ("127.0.0.1", httpx.URL(url).port)
        for number in range(400):
            connection = stack.enter_context(socket.create_connection(address, timeout=5))
            if number % 2:
                connection.sendall(b"GET /healthz HTTP/1.1\r\n")  # a head that does not end
        began = time.monotonic()
        for _ in range(5):
            assert httpx.get(f"{url}/healthz", timeout=5).status_code == 200
        assert time.monotonic() - began < 3
        assert 100 < len(list(Path(f"/proc/{process.pid}/fd").iterdir())) < 256
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stderr.read() == ""


@pytest.mark.long
def test_sigterm_finishes_what_runs_and_refuses_what_is_new(started):
    process, url = started
    body = {"messages": [{"role": "user", "content": DIALOGUE}], "stream": True}
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=60) as running:
        lines = running.iter_lines()
        next(lines)
        process.send_signal(signal.SIGTERM)
        statuses = set()
        while 503 not in statuses:
            statuses.add(httpx.post(f"{url}/v1/summaries", json={"dialogue": DIALOGUE, "max_tokens": 1}).status_code)
            time.sleep(0.02)
        assert httpx.get(f"{url}/readyz").status_code == 503
        rest = list(lines)
    assert rest[-2:] == ["data: [DONE]", ""]
    assert '"finish_reason": "length"' in rest[-4]
    assert process.wait(30) == 0
    assert process.stderr.read() == ""


@pytest.mark.long
def test_ctrl_c_stops_at_once(started):
    process, url = started
    body = {"messages": [{"role": "user", "content": DIALOGUE}], "stream": True}
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=60) as running:
        lines = running.iter_lines()
        next(lines)
        process.send_signal(signal.SIGINT)
        rest = "\n".join(lines)
    assert '"code": "shutting_down"' in rest
    assert "[DONE]" not in rest
    assert process.wait(30) == 130
    assert process.stderr.read() == ""


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
