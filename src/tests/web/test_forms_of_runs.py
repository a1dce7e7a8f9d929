"""From a form to a command: what differs from the experiment, refused as the command line refuses."""

import re
import shlex
from contextlib import suppress
from html import unescape

import pytest
import yaml
from typer.testing import CliRunner

from src.cli import app
from src.config.loader import flatten, load_config
from src.errors import YoyakError
from src.web.korean_help import KOREAN_HELP
from src.web.planning import checked_config
from src.web.setting_fields import MAIN, NEVER, PLACED, fields_of_config, typed_value
from src.web.wishes import command_line, free_name, wish_of, yaml_of


def test_only_what_differs_becomes_an_override(place):
    fields = [
        ("experiment", "quickstart"),
        ("training.epochs", "2"),
        ("training.learning_rate", " 5e-4 "),
        ("lora.r", "8"),
    ]
    wish = wish_of(fields, place)
    assert wish.overrides == ("training.learning_rate=5e-4", "lora.r=8")
    assert command_line(wish) == "yoyak train --experiment quickstart training.learning_rate=5e-4 lora.r=8"
    assert yaml.safe_load(yaml_of(wish))["lora"] == {"r": 8}


def test_every_setting_as_the_form_shows_it_changes_nothing(place):
    for experiment in ("quickstart", "qwen3_4b", "llama_3.2_3b_tuned"):
        settings = fields_of_config(load_config(experiment))
        fields = [("experiment", experiment), *((name, field.value) for name, field in settings.items())]
        assert wish_of(fields, place).overrides == ()


def test_lines_and_nulls_come_back_as_they_were_shown(place, folder):
    (folder / "configs" / "experiments").mkdir(parents=True)
    (folder / "configs" / "experiments" / "lines.yaml").write_text(
        "_base_: ../../base.yaml\ndataset:\n  instruction: |\n    Be short.\n    Name all.\n"
        "search:\n  space: {lora.dropout: null, lora.r: [4, 8]}\n"
    )
    (folder / "base.yaml").write_text("model:\n  checkpoint: bundled:smollm2-135m\n")
    shown = ("dataset.instruction", "Be short.Name all.")  # a browser's field has no lines
    assert wish_of([("experiment", "lines"), shown], place).overrides == ()
    space = typed_value(load_config("lines").search.space)
    assert load_config("lines", [f"search.space={space}"]).search.space == {"lora.dropout": None, "lora.r": [4, 8]}


def test_each_choice_that_is_offered_can_be_taken(place):
    for name, field in fields_of_config(load_config("quickstart")).items():
        for choice in field.choices:
            overrides = wish_of([("experiment", "quickstart"), (name, choice)], place).overrides
            with suppress(YoyakError):  # of settings that exclude each other
                assert typed_value(flatten(load_config("quickstart", overrides))[name]) == choice


def test_the_yaml_is_the_same_run(place, folder):
    fields = [
        ("experiment", "qwen3_4b"),
        ("lora.target_modules", "[q_proj]"),
        ("training.max_steps", "7"),
        ("experiment.name", "mine"),
    ]
    wish = wish_of(fields, place)
    (folder / "configs" / "experiments").mkdir(parents=True)
    (folder / "configs" / "experiments" / "mine.yaml").write_text(yaml_of(wish))
    assert load_config("mine") == load_config("qwen3_4b", wish.overrides)


@pytest.mark.parametrize(
    ("method", "wanted"), [("qlora", (True, True)), ("lora", (True, False)), ("full", (False, False))]
)
def test_a_method_is_two_settings(place, method, wanted):
    config = checked_config(wish_of([("experiment", "smollm2_135m"), ("method", method)], place))
    assert (config.lora.use_lora, config.lora.use_qlora) == wanted


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([("experiment", "/etc/passwd")], "no config '/etc/passwd'"),
        ([("training.epoch", "3")], "did you mean 'training.epochs'?"),
        ([("model.trust_remote_code", "true")], "only the command line turns it on"),
        ([("experiment.output_dir", "/tmp")], "by --runs"),
        ([("gpu", "RTX 9999")], "no such card"),
        ([("training.epochs", "x" * 5000)], "longer than 4,000 characters"),
    ],
)
def test_what_a_form_may_not_ask_for(place, fields, said):
    with pytest.raises(YoyakError, match=r"(?s)" + said.replace("?", r"\?")):
        wish_of([("experiment", "quickstart"), *fields] if fields[0][0] != "experiment" else fields, place)


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("training.epochs", "0", "command line: training.epochs = 0: must be a number above 0"),
        ("training.batch_size", "", "command line: training.batch_size = null: must be a whole number of at least 1"),
        ("lora.r", "two", 'command line: lora.r = "two": must be a whole number of at least 1'),
        ("data.test", "test.csv", "data.test has a part in searches alone; leave it out"),
        (
            "experiment.name",
            "a/b",
            'command line: experiment.name = "a/b": must be a plain folder name, without slashes',
        ),
    ],
)
def test_a_setting_is_refused_in_the_commands_words(visitor, setting, value, said):
    page = visitor.get("/new/plan", params={"experiment": "quickstart", setting: value})
    assert said in page.text.replace("&#34;", '"')
    answer = visitor.post("/runs", data={"experiment": "quickstart", "experiment.name": "a", setting: value})
    assert answer.status_code == 422
    assert said in answer.text.replace("&#34;", '"')


@pytest.mark.parametrize("setting", ["data.train", "data.eval", "model.checkpoint"])
@pytest.mark.parametrize("path", ["9" * 400, "가" * 300, "~nobody/x", "~" + "9" * 400, "a/" * 1900, "**", "x\0y", "["])
def test_a_path_that_no_disk_has_is_refused_and_no_fault(visitor, setting, path):
    form = {"experiment": "smollm2_135m", "gpu": "T4", setting: path}
    for address in ("/new/plan", "/new/changes", "/new"):
        assert visitor.get(address, params=form).status_code in (200, 422), address
    if setting != "model.checkpoint":
        answer = visitor.post("/runs", data=form | {"experiment.name": "a"})
        said = "no such file" in answer.text or " ... " in answer.text  # a long line's middle is left out
        assert (answer.status_code, said) == (422, True)


def test_a_run_of_the_name_is_refused_as_the_command_refuses_it(visitor, write_studio_run, place):
    write_studio_run("quickstart")
    page = visitor.get("/new/plan?experiment=quickstart").text
    assert "outputs/quickstart: holds a run (completed, 2026-11-24T12:00:00+00:00)" in page
    assert free_name(load_config("quickstart"), place) == "quickstart_2"
    assert 'value="quickstart_2"' in visitor.get("/new").text


def test_one_file_for_training_and_evaluation_is_said(visitor):
    one, two = (
        f"/new/plan?experiment=quickstart&data.train={name}&data.eval=sample:en/dev.csv"
        for name in ("sample:en/dev.csv", "sample:en/train.csv")
    )
    said = "the run is scored on what it is trained on"
    assert said in visitor.get(one).text
    assert said not in visitor.get(two).text


def test_the_plan_of_a_card(visitor):
    page = visitor.get("/new/plan?experiment=qwen3_4b&gpu=RTX 4090").text
    assert "Fits: 7.3 of 25.4 GB on RTX 4090" in page
    assert "yoyak train --experiment qwen3_4b" in page
    page = visitor.get("/new/plan?experiment=qwen3_4b&gpu=T4&method=full", headers={"accept-language": "ko"}).text
    assert "들어가지 않습니다" in page
    assert "use_qlora" in visitor.get("/new/changes?experiment=qwen3_4b&gpu=T4&method=full").text


def test_the_cost_is_the_commands(visitor, folder):
    query = {"experiment": "qwen3_4b", "gpu": "RTX 4090", "memory_gb": "20", "price_per_hour": "0.79"}
    page = visitor.get("/new/plan", params=query).text
    command = "yoyak plan --experiment qwen3_4b --gpu &#39;RTX 4090&#39; --memory-gb 20 --price-per-hour 0.79"
    assert command in page
    said = CliRunner().invoke(app, shlex.split(unescape(command))[1:]).output
    cost = re.search(r"([\d.]+) at 0.79 an hour", said)[1]
    assert f'Cost at 0.79 an hour</dt><dd class="figure">{cost}</dd>' in page
    assert "of 20.0 GB" in said
    assert "of 20.0 GB" in page
    assert "Cost" not in visitor.get("/new/plan", params=query | {"price_per_hour": ""}).text
    assert 'name="price_per_hour" value="0.79"' in visitor.get("/new", params=query).text


def test_a_price_and_a_memory_are_written_with_all_their_digits(visitor):
    query = {"experiment": "qwen3_4b", "gpu": "T4", "memory_gb": "23.4567891", "price_per_hour": "1234567.89"}
    page = visitor.get("/new/plan", params=query).text
    assert "--memory-gb 23.4567891 --price-per-hour 1234567.89" in page
    assert "Cost at 1234567.89 an hour" in page


def test_a_part_has_the_colour_of_its_name(visitor):
    """Parts that are too small for the list are in the picture."""
    page = visitor.get("/new/plan?experiment=smollm2_135m&gpu=T4&lora.r=1").text
    drawn = dict(re.findall(r'<rect class="(c\d)"[^>]*><title>(.*?) [\d.]+ GB</title>', page))
    listed = dict(re.findall(r'<span class="swatch (c\d)"></span>(.*?)</dt>', page))
    assert 0 < len(listed) < len(drawn)
    assert listed.items() <= drawn.items()


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "cheap", "1e999"])
def test_a_price_is_a_number(visitor, value):
    page = visitor.get("/new/plan", params={"experiment": "qwen3_4b", "gpu": "T4", "price_per_hour": value}).text
    assert f"--price-per-hour {value}: must be a number of at least 0, such as 0.8" in page
    page = visitor.get("/new/plan", params={"experiment": "qwen3_4b", "gpu": "T4", "memory_gb": "0.1"}).text
    assert "--memory-gb 0.1: no card has that" in page


def test_a_form_begins_with_an_earlier_runs_settings(visitor, write_studio_run):
    config = {"training": {"epochs": 7}, "model": {"checkpoint": "here/model"}, "experiment": {"name": "one"}, "odd": 3}
    write_studio_run("one", config=config, command="yoyak train --experiment smollm2_135m training.epochs=7")
    page = visitor.get("/new?like=one").text
    assert 'name="training.epochs" value="7"' in page
    assert 'value="here/model"' in page
    assert '<option selected translate="no">smollm2_135m</option>' in page


def test_the_settings_of_the_form_are_all_settings_once():
    fields = fields_of_config(load_config("quickstart"))
    assert set(MAIN) <= PLACED <= set(fields)
    assert not set(NEVER) & set(fields)
    assert fields["training.optim"].choices[0] == "paged_adamw_32bit"
    assert fields["training.gradient_checkpointing"].choices == ["auto", "true", "false"]
    assert fields["training.micro_batch_tokens"].choices == []
    assert fields["training.epochs"].is_number
    assert not fields["model.checkpoint"].is_number
    assert all(field.help for field in fields.values())


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "true"), (2e-05, "2e-05"), (3.0, "3"), (1.2, "1.2"), (["a", "b"], "[a, b]"), ("x", "x")],
)
def test_values_as_they_are_typed(value, text):
    assert typed_value(value) == text


def test_a_file_that_is_there_is_no_experiment_either(place, folder):
    (folder / "x.yaml").write_text("_base_: base/causal_lm.yaml\n")
    for name in ("x.yaml", str(folder / "x.yaml")):
        with pytest.raises(YoyakError, match="neither a YAML file nor a name here"):
            wish_of([("experiment", name)], place)


def test_a_machine_without_a_card_can_be_measured(visitor, monkeypatch):
    monkeypatch.setattr("src.web.processes.program", lambda: ["true"])
    monkeypatch.setattr("src.planner.machine.detected_card", lambda: None)
    assert "Measure this machine" in visitor.get("/new/plan?experiment=quickstart").text
    assert "Measure this machine" not in visitor.get("/new/plan?experiment=quickstart&gpu=T4").text
    job = visitor.post("/measure", data={"a": ""}).headers["hx-redirect"]
    assert "yoyak plan --calibrate" in visitor.get(job).text


def test_settings_have_their_help_in_korean(visitor):
    fields = fields_of_config(load_config("quickstart"))
    assert set(KOREAN_HELP) <= set(fields) - set(MAIN)
    assert all(re.search("[가-힣]", text) for text in KOREAN_HELP.values())
    page = visitor.get("/new", headers={"accept-language": "ko"}).text
    assert "어댑터 입력의 드롭아웃입니다." in page
    assert "Dropout on the adapter" not in page
    assert not [name for name in fields if name.startswith(("refine.", "search."))]
