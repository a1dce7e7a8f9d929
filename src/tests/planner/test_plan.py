"""Plans as `yoyak plan` prints them, what changes buy, and refusals."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from src import cli
from src.config import load_config
from src.config.loader import load_config_with_sources
from src.errors import YoyakError
from src.planner.advice import best_changes, nearest_fitting
from src.planner.devices import find_device
from src.planner.duration import evaluation_seconds, saving_seconds
from src.planner.evaluation import evaluation_work, examples_at_a_time, padded_evaluation
from src.planner.job import Shards
from src.planner.lengths import Lengths, lengths_by_hand
from src.planner.plan import Situation, evaluations, make_plan, run_steps
from src.planner.shapes import find_shape
from src.planner.words import plan_text

KEYS = {
    "peak_bytes",
    "device_bytes",
    "parts",
    "micro_batch_tokens",
    "checkpointing",
    "step_seconds",
    "total_seconds",
    "fits",
}
QLORA = "llama_3.2_3b"


def situation(*overrides: str, gpu: str = "H100", gigabytes: float | None = None) -> Situation:
    config = load_config(QLORA, overrides)
    device = find_device(gpu)
    if gigabytes is not None:
        device = replace(device, memory_bytes=int(gigabytes * 1e9))
    lengths = lengths_by_hand("300,600,1000", 2000)
    return Situation(config, find_shape(config.model.checkpoint)[0], lengths, lengths.first(100), device)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("YOYAK_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        cli.main(["plan", *arguments])
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out, captured.err


def test_json_has_the_promised_keys_and_nothing_else_is_on_stdout(capsys):
    code, out, err = run(capsys, "--gpu", "h100", "--json", "--price-per-hour", "2")
    plan = json.loads(out)
    assert code == 0
    assert plan.keys() >= KEYS
    assert plan["device_bytes"] == sum(plan["parts"].values())
    assert plan["peak_bytes"] == plan["device_bytes"] - sum(plan["parts"][p] for p in ("outside", "context", "slack"))
    assert plan["cost"] == round(plan["total_seconds"] / 3600 * 2, 2)
    assert plan["total_seconds"] == pytest.approx(sum(plan["total_parts"].values()), abs=1)
    assert "using the shipped histogram of 12,457 Korean dialogues" in err
    assert plan["steps"] == 585


def test_words_name_parts_verdict_and_changes(capsys):
    code, out, _ = run(capsys, "--memory-gb", "12", "--lengths", "300,600,1200")
    assert code == 0
    assert "Fits: " in out
    assert "What would buy most:" in out
    assert "quantization constants" in out
    assert "an estimate" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gpu", "h10"], "--gpu h10: no such card here; nearest: H100"),
        (["--gpu", "h100", "data.train=no.csv"], "no.csv: no such file"),
        (["--gpu", "h100", "model.checkpoint=a/b"], "model.checkpoint = a/b: its shape is neither shipped nor found"),
        (["--memory-gb", "0"], "--memory-gb 0: no card has that"),
        (["--gpu", "h100", "--lengths", "1"], "--lengths 1: give three numbers"),
        (["--gpu", "h100", "training.memory_budget_gb=-1"], "training.memory_budget_gb = -1: must be"),
        (
            ["--gpu", "h100", "--lengths", "300,600,900", "training.memory_budget_gb=1"],
            "training.memory_budget_gb = 1: the run takes 3",
        ),
        (["--gpu", "h100", "--compare", "--out", "a.png"], "--out a.png: the picture is SVG"),
        (["--gpu", "h100", "lora.use_lora=false", "lora.use_qlora=true"], "4-bit weights can't be trained"),
        (["--gpu", "t4", "training.engine=packed"], "can't train this: fp16 needs a gradient scaler"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(capsys, monkeypatch, arguments, message):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert message in err


def test_planning_imports_no_torch():
    script = (
        "import sys; sys.argv = ['yoyak', 'plan', '--gpu', 'h100']\n"
        "from src import cli\n"
        "try: cli.main()\n"
        "except SystemExit as stop: assert not stop.code\n"
        "heavy = {'torch', 'transformers', 'numpy', 'pandas', 'peft'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_less_memory_is_never_faster_and_always_kept_to():
    plans = [make_plan(situation(gigabytes=gigabytes)) for gigabytes in (6, 8, 12, 24, 80)]
    assert all(plan.fits for plan in plans)
    assert all(plan.choice.memory.device_bytes <= plan.limit_bytes for plan in plans)
    times = [plan.choice.time.seconds for plan in plans]
    assert times == sorted(times, reverse=True)
    assert times[0] > 1.2 * times[-1]


def test_a_budget_bounds_the_allocators_peak():
    plan = make_plan(situation("training.memory_budget_gb=5.2"))
    assert plan.fits
    assert 4e9 < plan.choice.memory.peak_bytes <= 5.2e9


def test_full_fine_tuning_runs_packed_where_bf16_does():
    whole = ("lora.use_lora=false", "lora.use_qlora=false", "training.optim=adamw_torch_fused")
    packed, padded = make_plan(situation(*whole)), make_plan(situation(*whole, "training.engine=trainer"))
    assert packed.choice.job.engine == packed.as_json()["engine"] == "packed"
    assert packed.choice.time.seconds < padded.choice.time.seconds
    # 3.2 billion weights in bf16, their gradients, and two states
    assert sum(packed.choice.memory.parts[name] for name in ("weights", "gradients", "optimizer")) == pytest.approx(
        8 * 3.2127e9, rel=0.01
    )
    assert make_plan(situation(*whole, gpu="T4")).choice.job.engine == "trainer"  # fp16


def test_full_fine_tuning_in_8_gb_does_not_fit_and_the_nearest_way_that_does_is_found():
    plan = make_plan(situation("lora.use_lora=false", "lora.use_qlora=false", gigabytes=8))
    assert not plan.fits
    change = nearest_fitting(plan)
    assert change is not None
    assert change.plan.fits
    assert change.as_arguments == "lora.use_lora=true lora.use_qlora=true"
    assert any(change.plan.fits for change in best_changes(plan))


def test_nothing_fits_in_a_gigabyte():
    plan = make_plan(situation(gigabytes=1))
    assert not plan.fits
    assert nearest_fitting(plan) is None


def test_changes_say_what_they_buy():
    plan = make_plan(situation("training.engine=trainer", gigabytes=24))
    sentences = [change.sentence() for change in best_changes(plan)]
    assert len(sentences) == 3
    assert any(sentence.startswith("training.engine=auto: ") for sentence in sentences)


def test_auto_checkpointing_computes_again_only_where_memory_asks_for_it():
    settings = ("training.engine=trainer", "training.gradient_checkpointing=auto")
    assert make_plan(situation(*settings)).choice.checkpointing == "none"
    assert make_plan(situation(*settings, gigabytes=8)).choice.checkpointing == "all layers"


def test_steps_and_evaluations_of_a_run():
    config = load_config(QLORA)
    assert run_steps(config, 12_457) == 585  # 195 steps of 64 an epoch
    assert evaluations(config, 12_457, 585) == 3
    config.training.max_steps = 10
    assert run_steps(config, 12_457) == 10
    config.training.eval_steps = 4
    assert evaluations(config, 12_457, 10) == 2


def test_a_config_may_leave_checkpointing_open():
    config, sources = load_config_with_sources(QLORA, ["training.gradient_checkpointing=auto"])
    assert config.training.gradient_checkpointing == "auto"
    assert load_config(QLORA, ["training.gradient_checkpointing=false"]).training.gradient_checkpointing is False
    assert sources["training.gradient_checkpointing"] == "command line"
    with pytest.raises(YoyakError, match="must be auto, or true or false"):
        load_config(QLORA, ["training.gradient_checkpointing=perhaps"])


@pytest.mark.long
def test_comparing_needs_no_card_and_writes_the_picture(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))  # no nvidia-smi
    code, out, _ = run(capsys, "--compare", "--lengths", "300,500,900", "--out", "there/plans.svg")
    assert code == 0
    assert out.count("QLoRA") == 12  # four cards, three lengths
    assert (tmp_path / "there" / "plans.svg").read_text(encoding="utf-8").startswith("<svg")


def test_a_runs_time_is_that_of_its_steps_evaluations_and_checkpoints():
    plan = make_plan(situation("training.max_steps=70", "training.eval_steps=30"))  # evaluated at 30 and 60
    job, device, time = plan.choice.job, plan.situation.device, plan.choice.time
    assert plan.steps == 70
    assert {name: plan.seconds[name] / 70 for name in time.parts} == pytest.approx(time.parts)
    work = evaluation_work(job, plan.situation.examples(evaluation=True), plan.choice.micro_batch_tokens)
    evaluation = evaluation_seconds(job, device, *work)
    assert plan.seconds["evaluation"] == pytest.approx(2 * evaluation)
    assert plan.seconds["saving"] == pytest.approx(2 * saving_seconds(job))
    parts = sum(time.parts.values()) * 70 + 2 * evaluation + 2 * saving_seconds(job)
    assert plan.total_seconds == pytest.approx(parts)
    assert plan.as_json(price_per_hour=1800)["cost"] == pytest.approx(parts / 2, abs=0.01)
    assert "cost" not in plan.as_json()


def test_evaluation_batches_hold_similar_lengths_and_are_padded_to_their_longest():
    assert padded_evaluation(((10, 2), (50, 3), (40, 4)), 2) == (2 * 50 + 10, 9, 2)


def test_the_packed_engine_evaluates_without_padding_and_in_its_own_micro_batches():
    examples = ((10, 2), (50, 3), (40, 4))
    packed = replace(make_plan(situation()).choice.job, engine="packed", eval_batch_size=2)
    assert evaluation_work(packed, examples, 60) == (100, 9, 2)
    assert examples_at_a_time(packed) == 1
    others = {"engine": "trainer"}, {"float8": True}, {"shards": Shards(4, 1e10, 1e-5)}
    for padded in (replace(packed, **other) for other in others):
        assert evaluation_work(padded, examples, 60) == padded_evaluation(examples, 2)
        assert examples_at_a_time(padded) == 2


def test_examples_are_those_that_training_would_see():
    config = load_config(QLORA, ["tokenizer.encoder_max_len=120"])
    plan = replace(situation(), config=config, train=Lengths([100, 300, 50], [10, 20, 30], ""), evaluation=None)
    assert plan.examples() == ((110, 10), (140, 20), (80, 30))
    assert plan.examples(evaluation=True) == ()
    config.data.max_train_examples, config.data.max_eval_examples = 2, 1
    held = replace(plan, evaluation=Lengths([7, 8], [1, 2], ""))
    assert held.examples() == ((110, 10), (140, 20))
    assert held.examples(evaluation=True) == ((8, 1),)
    config.data.instruction_augmentation = True
    assert held.examples() == ((110, 10),) * 5 + ((140, 20),) * 5
    assert held.examples(evaluation=True) == ((8, 1),)


def test_three_percent_of_a_card_stay_free_where_there_is_a_choice():
    plan = make_plan(situation(gigabytes=8))
    assert plan.choice.memory.device_bytes <= 0.97 * 8e9
    fused = "training.optim=adamw_torch_fused"
    least = make_plan(situation(fused, gigabytes=1)).choice.memory.device_bytes
    tight = make_plan(situation(fused, gigabytes=least / 1e9 + 0.001))  # more than 97% of the card
    assert tight.fits
    assert tight.choice.memory.device_bytes == least


def test_prompts_that_are_cut_are_counted():
    plan = make_plan(
        replace(situation("tokenizer.encoder_max_len=120"), train=Lengths([100, 300] * 40, [10, 20] * 40, ""))
    )
    assert plan.cut == (40, 40 * 180)
    text = plan_text(plan, [], None)
    assert "40 prompts lose 7,200 tokens" in text
    assert "nothing is cut" in plan_text(make_plan(situation()), [], None)
