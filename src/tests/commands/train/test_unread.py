"""Settings that a training would leave unread are refused where they are typed, in one line."""

import pytest

_ATTENTION = "model.attn_implementation is without effect: all that computes here has an attention of its own\n"
_SIZES = ("--memory-gb", "8", "--lengths", "30,60,90")
_ALL_WEIGHTS = "without lora.use_lora: all weights train, no adapter; leave one out"


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ("lora.use_lora=false lora.r=8", f"lora.r {_ALL_WEIGHTS}"),
        ("lora.use_lora=false lora.use_dora=true", f"lora.use_dora {_ALL_WEIGHTS}"),
        ("lora.use_lora=false lora.target_modules=[q_proj]", f"lora.target_modules {_ALL_WEIGHTS}"),
        ("lora.use_lora=false lora.cache_dequantized=on", f"lora.cache_dequantized {_ALL_WEIGHTS}"),
        (
            "lora.use_qlora=false lora.cache_dequantized=on",
            "lora.cache_dequantized without lora.use_qlora: no weights are in 4 bit; leave one out",
        ),
        ("model.revision=main", "model.revision is of a hub's checkpoint, and {base} is none; leave it out"),
        (
            "model.checkpoint=bundled:smollm2-135m model.revision=main",
            "model.revision is of a hub's checkpoint, and bundled:smollm2-135m is none; leave it out",
        ),
        ("search.trials=2", "search.trials has a part in searches alone; leave it out"),
        ("data.test=dev.csv", "data.test has a part in searches alone; leave it out"),
    ],
)
def test_what_a_training_leaves_unread(yoyak, tiny, settings, line):
    for how in ([], ["--folds", "2"]):
        refused = yoyak("train", "-e", "tiny.yaml", *settings.split(), *how)
        assert (refused.code, refused.err) == (2, f"yoyak: {line.format(base=tiny / 'base')}\n")
    assert not (tiny / "outputs").exists()


def test_an_adapter_that_a_search_may_try_has_settings(yoyak, tiny):
    tried = "search.space={lora.use_lora: [true, false]}"
    planned = yoyak("plan", "-e", "tiny.yaml", "--search", "1h", tried, "lora.use_lora=false", "lora.r=8", *_SIZES)
    assert (planned.code, planned.err) == (0, "")


def test_what_an_engine_ignores_is_said(yoyak, tiny):
    settings = ("training.engine=trainer", "training.micro_batch_tokens=512", "lora.use_qlora=false")
    settings = (*settings, "training.max_steps=1", "model.attn_implementation=eager")
    constant = ("training.lr_scheduler_type=constant", "training.warmup_ratio=0.3")
    trained = yoyak("train", "-e", "tiny.yaml", *settings, *constant)
    assert trained.out.count("training.warmup_ratio is without effect") == 1
    line = "training.micro_batch_tokens is without effect: it is of the packed engine\n"
    assert (trained.code, trained.out.count(line), trained.out.count(_ATTENTION)) == (0, 1, 0)


@pytest.mark.parametrize("generates", ["true", "false"])
def test_a_kernel_for_attention_that_nothing_computes_with(yoyak, tiny, generates):
    settings = ("training.max_steps=1", "model.attn_implementation=eager", f"evaluation.generate={generates}")
    trained = yoyak("train", "-e", "tiny.yaml", *settings)
    assert (trained.code, trained.out.count(_ATTENTION)) == (0, 1)


def test_a_kernel_for_attention_with_which_transformers_generates(yoyak, tiny, monkeypatch):
    """The probe of the cached decoder disagrees, as it does for models that it doesn't know."""
    monkeypatch.setattr("src.inference.probe.decoder_obstacle", lambda model: "unknown")
    words = ("-e", "tiny.yaml", "model.attn_implementation=eager")
    trained = yoyak("train", *words, "training.max_steps=1", "evaluation.generate=true")
    assert (trained.code, "Engine: packed" in trained.out, trained.out.count(_ATTENTION)) == (0, True, 0)
    used = yoyak("summarize", "A: Go?\nB: Yes.", *words)
    assert (used.code, used.err.count(_ATTENTION)) == (0, 0)


def test_a_kernel_for_attention_where_a_model_is_used(yoyak, tiny):
    used = yoyak("summarize", "A: Go?\nB: Yes.", "-e", "tiny.yaml", "model.attn_implementation=eager")
    assert (used.code, used.err.count(_ATTENTION)) == (0, 1)


def test_folds_read_the_evaluation_data_for_their_ensemble_alone(yoyak, tiny):
    refused = yoyak("train", "-e", "tiny.yaml", "--folds", "2", "data.eval=dev.csv")
    assert (refused.code, refused.err) == (
        2,
        "yoyak: data.eval with --folds is of the ensemble, which evaluation.generate=true asks for; leave one out\n",
    )
    assert not (tiny / "outputs").exists()


@pytest.mark.parametrize("how", [[], ["--refine"]])
def test_a_plan_without_a_search(yoyak, tiny, how):
    refused = yoyak("plan", "-e", "tiny.yaml", "search.trials=2", *how, *_SIZES)
    assert (refused.code, refused.err) == (2, "yoyak: search.trials has a part in searches alone; leave it out\n")


def test_a_plan_without_a_refining(yoyak, tiny):
    words = ("plan", "-e", "tiny.yaml", *_SIZES, "refine.steps=3", "refine.minutes=3")
    planned = yoyak(*words)
    assert (planned.code, planned.err.splitlines()) == (
        0,
        [f"yoyak: {name} is without effect: it is of --refine" for name in ("refine.steps", "refine.minutes")],
    )
    for how in (["--refine"], ["--search", "1h"]):
        assert "without effect" not in yoyak(*words, *how).err
    (tiny / "with.yaml").write_text("_base_: tiny.yaml\nrefine: {steps: 3}\nsearch: {trials: 2}\n")
    assert (yoyak("plan", "-e", "with.yaml", *_SIZES)).err == ""


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("training.epochs=2", "training.epochs has no part in refining; set refine.steps"),
        ("training.optim=adafactor", "training.optim has no part in refining; leave it out"),
    ],
)
def test_a_plan_of_a_refining_reads_no_settings_of_training(yoyak, tiny, setting, line):
    refused = yoyak("plan", "-e", "tiny.yaml", "--refine", setting, *_SIZES)
    assert (refused.code, refused.err) == (2, f"yoyak: {line}\n")
