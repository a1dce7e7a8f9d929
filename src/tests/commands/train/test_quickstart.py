"""Which config the quickstart trains, by the models that are here."""

import json

import pytest

from src.commands.train import quickstart
from src.commands.train.quickstart import QUICKSTARTS_KO, quickstart_experiment, run_quickstart
from src.config.loader import load_config
from src.models.bundled import BUNDLED_MODELS, bundled_path


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """The experiments that were to be trained, with a cache of no models."""
    monkeypatch.setenv("YOYAK_HOME", str(tmp_path))
    asked = []
    monkeypatch.setattr(quickstart, "train_run", lambda request: asked.append(request.experiment))
    return asked


def put_gemma_here():
    folder, model = bundled_path("gemma3-270m"), BUNDLED_MODELS["gemma3-270m"]
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"12345")
    (folder / "yoyak_conversion.json").write_text(json.dumps({"gguf_sha256": model.sha256, "weights_bytes": 5}))


def test_korean_without_gemma_says_how_to_get_it(trained, capsys):
    run_quickstart(korean=True)
    assert trained == ["quickstart_ko"]
    assert capsys.readouterr().out == (
        "SmolLM2 knows hardly any Korean; google/gemma-3-270m does, and trains in less time: yoyak models fetch "
        "gemma3-270m\n"
    )


def test_korean_with_gemma_trains_it(trained, capsys):
    put_gemma_here()
    run_quickstart(korean=True)
    run_quickstart()
    assert trained == ["quickstart_ko_gemma", "quickstart"]
    assert capsys.readouterr().out == ""
    assert quickstart_experiment(korean=True) == "quickstart_ko_gemma"


def test_both_korean_configs_write_the_same_folder_from_the_same_data():
    gemma, smollm2 = map(load_config, QUICKSTARTS_KO)
    assert (gemma.model.checkpoint, smollm2.model.checkpoint) == ("bundled:gemma3-270m", "bundled:smollm2-135m")
    assert gemma.experiment.run_dir == smollm2.experiment.run_dir
    assert gemma.data == smollm2.data
    assert (gemma.dataset.format_type, gemma.model.chat_template) == ("instruction", "auto")
    assert gemma.evaluation.tokenization == "morpheme"
