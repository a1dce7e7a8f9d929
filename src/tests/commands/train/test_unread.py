"""Settings that a training would leave unread are refused where they are typed, in one line."""

import pytest

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
    sizes = ("--memory-gb", "8", "--lengths", "30,60,90")
    planned = yoyak("plan", "-e", "tiny.yaml", "--search", "1h", tried, "lora.use_lora=false", "lora.r=8", *sizes)
    assert (planned.code, planned.err) == (0, "")


def test_what_an_engine_ignores_is_said(yoyak, tiny):
    settings = ("training.engine=trainer", "training.micro_batch_tokens=512", "lora.use_qlora=false")
    trained = yoyak("train", "-e", "tiny.yaml", "training.max_steps=1", *settings)
    line = "training.micro_batch_tokens is without effect: it is of the packed engine\n"
    assert (trained.code, trained.out.count(line)) == (0, 1)
