"""`yoyak serve` as a process: its address, its signals, its exit codes."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml

from src.serving.sockets import is_local, listen, url_of

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
