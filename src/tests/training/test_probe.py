"""The probe: engines that compute the model agree with its own `forward`, others are found out and not used."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from src.decoder import packed_decoder
from src.decoder.adapter_buffers import Refresh
from src.decoder.decoder_layer import DecoderLayer
from src.errors import YoyakError
from src.inference import probe as generation_probe
from src.inference.generator import generate_summaries
from src.models.probe import found_by_probes, probes_of
from src.models.probe_result import Probe
from src.tests.packed_models import WRITTEN_OUT, adapted_model, examples, packed
from src.tests.tiny_models import DIALOGUES, load_tiny, tiny_config, tiny_dataset, write_tiny_model
from src.training import probe as training_probe
from src.training.engine import EngineChoice
from src.training.llm_trainer import LLMTrainer
from src.training.packed_step import PackedTrainer
from src.training.probe import probe
from src.training.state.checkpoints import find_checkpoint
from src.training.state.resolved import Resolved

BIASES = {"attention_bias": True, "mlp_bias": True}


@pytest.mark.parametrize("family", WRITTEN_OUT)
@pytest.mark.parametrize("lora", [{}, {"use_rslora": True, "rank_pattern": {"k_proj": 2}}, None])
def test_engines_that_are_right_agree_to_rounding(family: str, lora: dict[str, Any] | None) -> None:
    model = adapted_model(family, torch.float32, lora, **WRITTEN_OUT[family])
    for engine in ("packed", "trainer"):
        found = probe(model, engine)
        assert found.agrees
        assert found.loss == pytest.approx(found.own_loss, rel=1e-6)
    assert 0 < (probes_of(model)["training"].error or 0) < 1e-5
    assert generation_probe.generates_fast(model)
    assert (probes_of(model)["generation"].error or 1) < 1e-5


def test_it_leaves_no_trace() -> None:
    model = adapted_model("llama", torch.float32, {"lora_dropout": 0.5})
    model.train()
    model.get_base_model().model.layers[0].eval()  # modes are given back one by one
    modes = [module.training for module in model.modules()]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    assert probe(model, "packed").agrees
    assert probe(model, "trainer").agrees
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(parameter._post_accumulate_grad_hooks for parameter in model.parameters())


def test_its_gradients_are_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The layers are kept for the training, and would keep as much as all weights that train."""
    import gc
    import weakref

    model, kept = adapted_model("llama", torch.float32, None), []
    right = packed_decoder.GradientBuffer.__init__

    def init(self: Any, parts: Any) -> None:
        right(self, parts)
        kept.append(weakref.ref(self.flat))

    monkeypatch.setattr(packed_decoder.GradientBuffer, "__init__", init)
    assert probe(model, "packed").agrees
    gc.collect()
    assert len(kept) == 1
    assert kept[0]() is None
    assert packed(model, examples([(20, 5)]), 64)[0] > 0  # and training takes a buffer of its own


def test_gradients_that_were_there_stay() -> None:
    model = adapted_model("llama", torch.float32, {})
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.grad = torch.ones_like(parameter)
    assert probe(model, "packed").agrees
    assert all(parameter.grad is not None and bool((parameter.grad == 1).all()) for parameter in trained)


# What is wrong is found out


def wrong_scaling(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Refresh.__init__

    def init(self: Any, linears: Any) -> None:
        right(self, linears)
        self._scaling = [1.05 * scaling for scaling in self._scaling]

    monkeypatch.setattr(Refresh, "__init__", init)


def dropped_residual(monkeypatch: pytest.MonkeyPatch) -> None:
    right = DecoderLayer._up_to_mlp
    monkeypatch.setattr(DecoderLayer, "_up_to_mlp", lambda self, *a, **how: right(self, *a[:-2], None, a[-1], **how))


def turned_too_far(monkeypatch: pytest.MonkeyPatch) -> None:
    right = packed_decoder.rotary_tables
    monkeypatch.setattr(packed_decoder, "rotary_tables", lambda *a: right(*a[:-1], a[-1] + a[-1] // 9))


def half_a_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    right = packed_decoder.PackedDecoder.run_layers_back
    monkeypatch.setattr(
        packed_decoder.PackedDecoder, "run_layers_back", lambda self, grad, *a: right(self, 0.5 * grad, *a)
    )


FAULTS = [dropped_residual, turned_too_far, half_a_gradient]


@pytest.mark.parametrize(  # 5% of a small part, as in wrong_scaling, is within the rounding of bf16
    ("fault", "dtype"),
    [*((fault, torch.bfloat16) for fault in FAULTS), *((fault, torch.float32) for fault in (wrong_scaling, *FAULTS))],
)
def test_an_engine_that_computes_otherwise_is_found_out(
    fault: Any, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = adapted_model("llama", dtype, {})
    fault(monkeypatch)
    found = probe(model, "packed")
    assert not found.agrees
    assert found.error is not None
    assert found.error > 0.01


def test_a_variant_taken_for_plain_lora_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, `decoder_obstacle` asked for DoRA alone; the probe would have noticed."""
    for settings in ({"lora_bias": True}, {"use_dora": True}, {"alora_invocation_tokens": [1]}):
        found = probe(adapted_model("llama", torch.float32, settings, **BIASES), "packed")
        assert not found.agrees, settings


def test_a_bias_on_k_alone_is_found_out() -> None:
    model = adapted_model("llama", torch.float32, {})
    linear = model.get_base_model().model.layers[1].self_attn.v_proj.base_layer
    linear.bias = torch.nn.Parameter(torch.randn(16), requires_grad=False)
    assert not probe(model, "packed").agrees


def test_both_numbers_are_said_with_the_decimals_that_tell_them_apart() -> None:
    said = str(Probe("packed", 2.31231, 2.31234, 0.0123, False, 0.1))
    assert said == "loss 2.31231 by the packed engine, 2.31234 by the model's own forward, 0.01 apart"
    assert str(Probe("trainer", 1.0, 2.0, None, False, 0.1)).startswith("loss 1.0000 by the trainer engine, 2.0000 by")


# What a run does


@pytest.fixture
def checkpoint(tmp_path: Path) -> str:
    return write_tiny_model(tmp_path / "base")


def test_a_run_says_what_the_probe_found_and_keeps_it(
    checkpoint: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="yoyak")
    config = tiny_config(checkpoint, tmp_path)
    model, tokenizer = load_tiny(config)
    trainer = LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer))
    assert any(line.startswith("Probe: loss ") and "by the packed engine" in line for line in caplog.messages)
    kept = trainer.trainer.facts["resolved"]["probes"]
    assert set(kept) == {"training", "loss"}
    assert kept["training"]["agrees"] is kept["loss"]["agrees"] is True
    assert json.loads(json.dumps(kept)) == kept == found_by_probes(model)


def test_a_wrong_packed_engine_gives_way_to_the_trainer_and_this_is_said(
    checkpoint: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(checkpoint, tmp_path)
    model, tokenizer = load_tiny(config)
    dropped_residual(monkeypatch)
    trainer = LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer))
    assert not isinstance(trainer.trainer, PackedTrainer)
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert any("the trainer engine is taken, with the model's own forward" in line for line in said)
    assert trainer.resolved.engine.reason.startswith("the probe: loss ")
    assert trainer.resolved.engine.resolved(config.training)["engine"] == "trainer"
    assert trainer.train()["steps"] == 1


def test_a_wrong_packed_engine_that_is_asked_for_is_refused_with_both_numbers(
    checkpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(checkpoint, tmp_path, training__engine="packed")
    model, tokenizer = load_tiny(config)
    dropped_residual(monkeypatch)
    line = r"^the probe: loss \d\.\d+ by the packed engine, \d\.\d+ by the model's own forward, \S+ apart; this model"
    with pytest.raises(YoyakError, match=line):
        LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer))


@pytest.mark.parametrize("engine", ["auto", "trainer"])
def test_a_loss_that_is_not_the_model_s_own_is_refused(
    checkpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    config = tiny_config(checkpoint, tmp_path, training__engine=engine)
    model, tokenizer = load_tiny(config)
    right = training_probe.response_loss

    def wrong(*arguments: Any) -> tuple[torch.Tensor, int]:
        total, targets = right(*arguments)
        return total / 8, targets

    monkeypatch.setattr(training_probe, "response_loss", wrong)
    with pytest.raises(YoyakError, match=r"^the probe: loss \d\.\d+ by the trainer engine, \d\.\d+ by the model's own"):
        LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer))


def test_a_run_that_goes_on_decides_by_what_was_found_and_probes_nothing(
    checkpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(checkpoint, tmp_path, training__max_steps=2)
    model, tokenizer = load_tiny(config)
    first = LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer))
    first.train()
    found = find_checkpoint(tmp_path / "tiny" / "checkpoints")[0]
    monkeypatch.setattr(training_probe, "probed_once", None)  # a call would fail
    model, _ = load_tiny(config)
    again = LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer), resume=found)
    assert again.resolved.engine == first.resolved.engine
    assert again.trainer.facts["resolved"] == first.trainer.facts["resolved"]


def test_a_run_of_before_there_were_probes_goes_on() -> None:
    compute = {"device": "cpu", "dtype": "fp32", "reason": "", "threads": 1}
    engine = {"name": "packed", "reason": "", "micro_batch_tokens": 9, "float8": False}
    values = {
        "compute": compute, "engine": engine, "cache_dequantized": False, "recomputes": False, "memory_plan": None
    }  # fmt: skip
    assert Resolved.from_dict(values).probes == {}
    assert Resolved.from_dict(values).engine == EngineChoice("packed", "", 9)


# Generating


def test_a_wrong_cached_decoder_gives_way_to_transformers(
    checkpoint: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(checkpoint)
    model, tokenizer = load_tiny(config)
    prompt = tiny_dataset(tokenizer).prompt
    expected = generate_summaries(model, tokenizer, prompt, DIALOGUES, config.generation)
    assert probes_of(model)["generation"].agrees

    model, _ = load_tiny(config)
    dropped_residual(monkeypatch)
    assert generate_summaries(model, tokenizer, prompt, DIALOGUES, config.generation) == expected
    generate_summaries(model, tokenizer, prompt, DIALOGUES[:1], config.generation)
    said = [line for line in caplog.messages if "transformers generates, which is slower" in line]
    assert len(said) == 1
    assert said[0].startswith("Probe: loss ")
