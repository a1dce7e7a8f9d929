"""Whole runs whose weights are cut over two processes: their numbers, a kill, and other numbers of processes."""

import json
import random
import signal
import time

import psutil
import pytest
import safetensors.torch

from src.tests.training.several.test_runs import LONGEST, ended, place, run_of, started, wait_for_step

__all__ = ["place"]  # a fixture
pytestmark = pytest.mark.slow
CUT = ("--processes", "2", "training.sharding=weights", "evaluation.generate=false")
FULL = ("lora.use_lora=false", "lora.use_qlora=false", "training.weight_decay=0")
METHODS = {"all": FULL, "4bit": ()}
FILES = {"all": "model.safetensors", "4bit": "adapter_model.safetensors"}


def weights_of(place, name, method):
    return safetensors.torch.load_file(place / "outputs" / name / "final_model" / FILES[method])


@pytest.fixture(scope="module", params=METHODS)
def cut(request, place):
    """A run that nothing stopped, and its method."""
    code, out, err = ended(started(place, f"cut_{request.param}", *CUT, *METHODS[request.param]))
    assert (code, err) == (0, ""), err
    return request.param, out


def test_a_run_whose_weights_are_cut_ends_as_one_process_does(place, cut):
    method, out = cut
    engine = ("training.engine=trainer",) if method == "all" else ()
    name = f"alone_{method}"
    code, _, err = ended(started(place, name, *METHODS[method], *engine, "evaluation.generate=false"))
    assert (code, err) == (0, "")
    several, alone = run_of(place, f"cut_{method}"), run_of(place, name)
    assert several["resolved"]["sharding"] == "weights"
    assert several["resolved"]["engine"] == alone["resolved"]["engine"]
    for figure in ("loss", "eval_loss"):
        assert several["train"][figure] == pytest.approx(alone["train"][figure], rel=1e-5)
    one, two = weights_of(place, name, method), weights_of(place, f"cut_{method}", method)
    assert one.keys() == two.keys()
    for key, value in one.items():
        assert two[key].shape == value.shape
        assert float((two[key] - value).abs().max()) < 2e-4, key  # AdamW makes steps of noise in tiny gradients
    assert out.count("Report: ") == 1


def test_a_killed_rank_and_another_number_of_processes(place, cut):
    method, _ = cut
    name = f"killed_cut_{method}"
    process = started(place, name, *CUT, *METHODS[method])
    wait_for_step(process, place, name, random.Random(7).randrange(4, 10))
    children = sorted(psutil.Process(process.pid).children(), key=lambda child: child.create_time())
    children[1].send_signal(signal.SIGKILL)
    began = time.monotonic()
    code, _, err = ended(process)
    assert code == 1
    assert err.startswith("yoyak: rank 1 of 2: was killed (SIGKILL)")
    assert time.monotonic() - began < LONGEST
    code, out, err = ended(started(place, name, *CUT, *METHODS[method], "--resume"))
    assert (code, err) == (0, "")
    assert "Going on from " in out
    final = [(place / "outputs" / run / "final_model" / FILES[method]).read_bytes() for run in (name, f"cut_{method}")]
    assert final[0] == final[1]


def test_one_process_goes_on_with_what_two_have_begun(place, cut):
    """A checkpoint holds whole tensors, so that nobody sees from it how many there were."""
    method, _ = cut
    name = f"fewer_{method}"
    process = started(place, name, *CUT, *METHODS[method])
    wait_for_step(process, place, name, 4)
    process.send_signal(signal.SIGTERM)
    code, _, err = ended(process)
    assert (code, err) == (143, "")
    code, out, err = ended(started(place, name, *METHODS[method], "evaluation.generate=false", "--resume"))
    assert (code, err) == (0, "")
    assert "The run goes on with 1 processes, and had 2" in out
    loss = run_of(place, f"cut_{method}")["train"]["loss"]
    assert run_of(place, name)["train"]["loss"] == pytest.approx(loss, rel=1e-5)
    state = json.loads(next((place / "outputs" / name / "checkpoints").glob("*/training_state.json")).read_text())
    assert "processes" not in state["facts"]
