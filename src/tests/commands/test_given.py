"""What the processes of `--gpus` and `--processes` are told: all that the command was given, once more."""

import pytest

from src.commands import together
from src.commands.given import with_options
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
            "evaluate data.max_train_examples=1 -e tiny.yaml --split train --no-stemmer --zero-shot --gpus 0,2 --json "
            "--also a --also b --num-beams 2",
            "evaluate --experiment=tiny.yaml --no-stemmer --also=a --also=b --split=train --zero-shot --num-beams=2 "
            "--json -- data.max_train_examples=1",
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


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("evaluate -e tiny.yaml --num-beams 4 generation.num_beams=2", "--num-beams 4 and generation.num_beams=2"),
        ("evaluate -e tiny.yaml --no-stemmer evaluation.stemmer=true", "--no-stemmer and evaluation.stemmer=true"),
        ("summarize A:Go. -e tiny.yaml --seed 1 generation.seed=2", "--seed 1 and generation.seed=2"),
        ("serve -e tiny.yaml --max-batch 2 generation.batch_size=4", "--max-batch 2 and generation.batch_size=4"),
        ("train -e tiny.yaml --use_qlora lora.use_qlora=false", "--use_qlora and lora.use_qlora=false"),
        (
            "train -e tiny.yaml --use_instruction_augmentation data.instruction_augmentation=false",
            "--use_instruction_augmentation and data.instruction_augmentation=false",
        ),
    ],
)
def test_an_option_and_its_setting_are_to_say_the_same(yoyak, tiny, given, said):
    refused = yoyak(*given.split())
    assert (refused.code, refused.out, refused.err) == (2, "", f"yoyak: {said} differ; leave one out\n")
    assert not (tiny / "outputs").exists()


def test_settings_of_options():
    options = {
        "generation.seed": ("--seed", 1),
        "lora.use_qlora": ("--use_qlora", False),
        "data.test": ("--test", None),
    }
    said = ["generation.seed=1", "lora.use_qlora=false"]
    assert with_options(["training.epochs=1", "lora.use_qlora = no"], options) == [
        "training.epochs=1",
        "lora.use_qlora = no",
        *said,
    ]
    assert with_options(None, options) == said


@pytest.mark.parametrize(
    "command",
    [
        "evaluate --adapter {final}",
        "evaluate -e tiny.yaml",
        "summarize A:Go. --adapter {final}",
        "serve --adapter {final} --port 0",
        "export --to adapter --adapter {final} --out there",
        "export --to merged --run tiny_qlora --out there",
    ],
)
def test_a_setting_of_training_where_a_model_is_used(yoyak, trained_once, command):
    folder = trained_once("training.max_steps=1")
    words = command.format(final="outputs/tiny_qlora/final_model").split()
    for setting in ("training.epochs=1", "search.trials=2", "refine.steps=3", "lora.loraplus_lr_ratio=2"):
        refused = yoyak(*words, setting)
        name = setting.partition("=")[0]
        assert (refused.code, refused.out) == (2, "")
        assert refused.err == f"yoyak: {name} has no part in using a model; leave it out\n"
    assert not (folder / "there").exists()


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("summarize dev.csv data.max_eval_examples=1", "data.max_eval_examples has no part in yoyak summarize"),
        ("summarize dev.csv data.summary_column=x", "data.summary_column has no part in yoyak summarize"),
        ("summarize A:Go. data.eval=x.csv", "data.eval has no part in yoyak summarize"),
        ("summarize A:Go. evaluation.stemmer=true", "evaluation.stemmer has no part in yoyak summarize"),
        (
            "summarize A:Go. evaluation.tokenization=char generation.mbr_samples=2 generation.mbr_metric=chrf",
            "evaluation.tokenization has no part in yoyak summarize",
        ),
        ("serve --port 0 data.dialogue_column=x", "data.dialogue_column has no part in yoyak serve"),
        ("serve --port 0 evaluation.stemmer=true", "evaluation.stemmer has no part in yoyak serve"),
        ("evaluate data.max_train_examples=1", "data.max_train_examples has no part in yoyak evaluate --split dev"),
        ("evaluate --split train data.eval=x.csv", "data.eval has no part in yoyak evaluate --split train"),
        ("data stats dev.csv tokenizer.encoder_max_len=9", "tokenizer.encoder_max_len has no part in yoyak data stats"),
        ("data split dev.csv --out there training.seed=1", "training.seed has no part in yoyak data split"),
        (
            "data augment dev.csv --out there.jsonl --instructions dataset.language=en",
            "dataset.language has no part in yoyak data augment",
        ),
        ("summarize A:Go. lora.r=8", "lora.r is of an adapter, and the model has none"),
        ("evaluate --zero-shot lora.use_dora=true", "lora.use_dora is of an adapter, and the model has none"),
        (
            "serve --port 0 model.chat_template=llama dataset.format_type=instruction",
            "model.chat_template is of dataset.format_type = chat, and it is instruction",
        ),
        (
            "train model.chat_template=llama dataset.format_type=instruction",
            "model.chat_template is of dataset.format_type = chat, and it is instruction",
        ),
        ("summarize A:Go. --spreadsheet", "--spreadsheet is of CSV and TSV files, and here is one dialogue"),
        ("summarize dev.csv --spreadsheet --json", "--spreadsheet is of CSV and TSV files, and JSON Lines are written"),
        (
            "summarize dev.csv --spreadsheet --out s.jsonl",
            "--spreadsheet is of CSV and TSV files, and JSON Lines are written",
        ),
        ("evaluate --spreadsheet", "--spreadsheet is of CSV and TSV files, and JSON Lines are written"),
        (
            "search --deadline 1h evaluation.generate=false",
            "evaluation.generate = false: a search goes by generated summaries",
        ),
        (
            "plan --search 1h --memory-gb 8 --lengths 30,60,90 evaluation.generate=false",
            "evaluation.generate = false: a search goes by generated summaries",
        ),
    ],
)
def test_what_has_no_part_in_what_is_asked_for_is_refused(yoyak, tiny, command, line):
    refused = yoyak(*command.split(), "-e", "tiny.yaml")
    assert (refused.code, refused.out, refused.err) == (2, "", f"yoyak: {line}; leave it out\n")
    assert sorted(path.name for path in tiny.iterdir()) == ["base", "dev.csv", "tiny.yaml", "train.csv"]


def test_a_summary_without_a_file_replaces_none(yoyak, tiny):
    refused = yoyak("summarize", "A:Go.", "-e", "tiny.yaml", "--overwrite")
    assert refused.err == "yoyak: without --out no file is written: leave out --overwrite\n"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (
            "generation.mbr_metric=chrf",
            "generation.mbr_metric is without effect: it is of MBR, as generation.mbr_samples=16",
        ),
        ("training.rank_timeout=3", "training.rank_timeout is without effect: one process works alone"),
    ],
)
def test_what_changes_no_summary_is_said(yoyak, tiny, setting, said):
    summarized = yoyak("summarize", "dev.csv", "-e", "tiny.yaml", setting)
    assert (summarized.code, sum(said in line for line in summarized.err.splitlines())) == (0, 1)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("--calibrate --gpu H100", "--calibrate measures this machine and plans nothing: leave out --gpu"),
        (
            "--compare --price-per-hour 2",
            "--compare of methods has cards of several prices: leave out --price-per-hour",
        ),
        ("--search 1h --price-per-hour 2", "a search takes the time that it is given: leave out --price-per-hour"),
        ("--link pcie4 --network ethernet10", "one card is joined to none: leave out --link, --network"),
        ("--cards 2 --network ethernet10", "one host is joined to none: leave out --network"),
        ("--calibrate training.epochs=1", "training.epochs has no part in yoyak plan --calibrate; leave it out"),
    ],
)
def test_an_option_that_a_plan_does_not_read(yoyak, tiny, command, line):
    refused = yoyak("plan", "-e", "tiny.yaml", *command.split())
    assert (refused.code, refused.out, refused.err) == (2, "", f"yoyak: {line}\n")


def test_what_a_comparison_of_methods_chooses_by_itself(yoyak, tiny):
    words = ("plan", "-e", "tiny.yaml", "--lengths", "30,60,90", "--gpu", "H100", "--compare", "--json")
    compared = yoyak(*words, "training.engine=trainer", "lora.r=8")
    assert (compared.code, compared.err) == (
        0,
        "yoyak: training.engine is without effect: --compare has it of each method\n",
    )
    assert compared.out == yoyak(*words, "lora.r=8").out
