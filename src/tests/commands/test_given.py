"""What the processes of `--gpus` and `--processes` are told: all that the command was given, once more."""

import pytest

from src.commands import together
from src.commands.several import ONE, Several
from src.tests.commands.conftest import write_csv
from src.tests.tiny_models import DIALOGUES, SUMMARIES


@pytest.fixture
def told(monkeypatch):
    """What was asked for, call by call: on how many, and the arguments of each process."""
    asked = []

    def start(several, arguments):
        asked.append((several, arguments))
        raise SystemExit(0)

    monkeypatch.setattr(together, "start_ranks", start)
    return asked


@pytest.mark.parametrize(
    ("given", "arguments", "several"),
    [
        (
            "evaluate data.max_eval_examples=1 -e tiny.yaml --split train --no-stemmer --zero-shot --gpus 0,2 --json "
            "--also a --also b --num-beams 2",
            "evaluate --experiment=tiny.yaml --no-stemmer --also=a --also=b --split=train --zero-shot --num-beams=2 "
            "--json -- data.max_eval_examples=1",
            Several(gpus="0,2"),
        ),
        (
            "summarize dev.csv data.encoding=utf-8 -e tiny.yaml --out x.csv --overwrite --processes 3",
            "summarize --experiment=tiny.yaml --out=x.csv --overwrite -- dev.csv data.encoding=utf-8",
            Several(processes=3),
        ),
    ],
)
def test_each_process_is_told_what_the_command_was_given(yoyak, tiny, told, given, arguments, several):
    assert yoyak(*given.split()).code == 0
    assert told == [(several, arguments.split())]
    assert yoyak(*arguments.split(), "--processes", "2").code == 2  # behind `--` nothing is an option
    first, *rest = arguments.split()
    assert yoyak(first, "--processes", "2", *rest).code == 0
    assert told[1] == (Several(processes=2), arguments.split())


@pytest.mark.parametrize(
    "given",
    ["evaluate -e tiny.yaml --gpus 0,2 --processes 2", "summarize dev.csv -e tiny.yaml --gpus all --processes 2"],
)
def test_gpus_and_processes_exclude_each_other(yoyak, tiny, told, given):
    refused = yoyak(*given.split())
    assert refused.code == 2
    assert refused.err == (
        "yoyak: --gpus starts a process on each GPU and --processes some on the CPU; leave one out\n"
    )
    assert told == []


def test_folds_are_a_part_of_what_is_told(yoyak, tiny, told):
    assert yoyak("train", "-e", "tiny.yaml", "--folds", "2", "--processes", "2", "training.max_steps=1").code == 0
    several, arguments = told[0]
    assert several == Several(processes=2) != ONE
    assert arguments == ["train", "--experiment", "tiny.yaml", "--folds=2", "training.max_steps=1"]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            ["evaluate", "--predictions", "dev.csv", "--references", "dev.csv", "--processes", "2"],
            "--predictions and --references score files on the processor: leave out --gpus, --processes",
        ),
        (
            ["summarize", "A: Go?\\nB: Yes.", "-e", "tiny.yaml", "--gpus", "all"],
            "--gpus and --processes deal out the dialogues of a table or folder; here is one dialogue",
        ),
    ],
)
def test_what_is_not_dealt_out_is_refused(yoyak, tiny, told, given, line):
    write_csv(tiny / "dev.csv", DIALOGUES, SUMMARIES)
    refused = yoyak(*given)
    assert (refused.code, refused.out, refused.err) == (2, "", f"yoyak: {line}\n")
    assert told == []
