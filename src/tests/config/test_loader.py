"""Tests of finding, merging and checking configs, and of telling where settings come from."""

from pathlib import Path

import pytest

from src.config import load_config
from src.config.loader import (
    differences,
    flatten,
    known_configs,
    leave_out_default_4bit,
    load_config_with_sources,
)
from src.errors import YoyakError
from src.resources import configs_dir
from src.tests.config import MODEL, error_of, write

# --- finding ----------------------------------------------------------------------------------------------------------


def test_users_configs_come_before_shipped_ones(folder):
    write("configs/base/llama_3.2_3b.yaml", "model: {checkpoint: mine}\n")
    assert load_config("llama_3.2_3b").model.checkpoint == "mine"
    assert load_config("qwen3_4b").model.checkpoint == "Qwen/Qwen3-4B-Instruct-2507"


def test_experiments_come_before_models_and_models_before_base():
    for kind in ("base", "models", "experiments"):
        write(f"configs/{kind}/a.b.yaml", f"model: {{checkpoint: {kind}}}\n")
        assert load_config("a.b").model.checkpoint == kind


def test_known_configs_lists_users_first(folder):
    write("configs/models/zz_9.9.yml", MODEL)
    write("configs/models/._zz_9.9.yaml", "not a config: of a Mac\n")
    write("configs/models/notes.txt", "")
    write("configs/base/qwen3_4b.yaml", MODEL)
    known = known_configs()
    assert list(known)[:2] == ["zz_9.9", "qwen3_4b"]
    assert known["zz_9.9"] == folder / "configs/models/zz_9.9.yml"
    assert known["qwen3_4b"] == folder / "configs/base/qwen3_4b.yaml"
    assert known["llama_3.2_3b"] == configs_dir() / "models/llama_3.2_3b.yaml"
    assert not {"notes", "._zz_9.9"} & set(known)


def test_a_path_is_used_as_it_is():
    write("elsewhere/my_1.5b.yml", MODEL)
    assert load_config("elsewhere/my_1.5b.yml").model.checkpoint == "some/model"
    assert load_config(Path("elsewhere/my_1.5b.yml").absolute()).model.checkpoint == "some/model"


@pytest.mark.parametrize("name", ["llama_3.2", "lama_3.2_3b", "configs/models/llama_3.2_3b"])
def test_unknown_name_gets_the_nearest_one(name):
    message = error_of(None, name=name)
    assert message == (
        f"no config '{name}': neither a YAML file nor a name in configs and {configs_dir()}"
        "; did you mean 'llama_3.2_3b'?"
    )


def test_unknown_name_with_nothing_near_lists_all_names():
    write("configs/models/mine.yaml", MODEL)
    assert "; known names: mine, llama_3.2_3b_tuned, " in error_of(None, name="zzzzzz")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", "''"),
        ("a" * 5000, "'aaaa"),
        ("nul\0.yaml", "'nul\\x00.yaml'"),
        (".", "'.'"),
        ("x.json", "'x.json'"),
        ("a\nb", "'a\\nb'"),
    ],
)
def test_odd_names_are_unknown(name, shown):
    message = error_of(None, name=name)
    assert message.startswith(f"no config {shown}")
    assert len(message) < 2100


# --- _base_ (trap 21) -------------------------------------------------------------------------------------------------


def test_base_is_relative_to_its_file_and_children_override_leaf_by_leaf():
    write("a/base/root.yaml", MODEL + "lora: {r: 4, alpha: 8, target_modules: [q_proj, v_proj]}\ntraining: {seed: 1}\n")
    write("a/models/middle.yaml", "_base_: ../base/root.yaml\nlora: {r: 5}\n")
    write("b/leaf.yaml", "_base_: ../a/models/middle.yaml\nlora: {target_modules: [k_proj]}\n")
    config = load_config("b/leaf.yaml")
    assert (config.lora.r, config.lora.alpha, config.lora.target_modules) == (5, 8.0, ["k_proj"])
    assert config.training.seed == 1
    assert "_base_" not in str(config.model_dump())


def test_later_bases_win():
    write("one.yaml", MODEL + "lora: {r: 1, alpha: 1}\n")
    write("two.yaml", "lora: {r: 2}\ntraining: {seed: 2}\n")
    write("x.yaml", "_base_: [one.yaml, two.yaml]\ntraining: {seed: 3}\n")
    config = load_config("x.yaml")
    assert (config.lora.r, config.lora.alpha, config.training.seed) == (2, 1.0, 3)


def test_one_base_by_two_ways_is_no_circle():
    write("root.yaml", MODEL)
    write("left.yaml", "_base_: root.yaml\nlora: {r: 3}\n")
    write("right.yaml", "_base_: root.yaml\nlora: {alpha: 5}\n")
    config = load_config(write("x.yaml", "_base_: [left.yaml, right.yaml]\n"))
    assert (config.lora.r, config.lora.alpha) == (3, 5.0)


def test_missing_base():
    assert error_of("# mine\n_base_: ../nowhere.yaml\n", name="configs/models/x.yaml") == (
        "configs/models/x.yaml:2: _base_ '../nowhere.yaml' does not exist: no file configs/nowhere.yaml"
    )


def test_a_base_is_yaml_by_its_name():
    write("notes.txt", MODEL)
    assert error_of("_base_: notes.txt\n") == "x.yaml:1: _base_ 'notes.txt': must be a .yaml or .yml file"
    write("notes.yml", MODEL)
    assert load_config(write("x.yaml", "_base_: notes.yml\n")).model.checkpoint == "some/model"


def test_a_folder_is_no_base():
    assert error_of("_base_: .\n").startswith("x.yaml:1: _base_ '.' does not exist")


def test_missing_base_in_a_list_is_found_by_its_own_line():
    write("one.yaml", MODEL)
    assert error_of("_base_:\n  - one.yaml\n  - two.yaml\n").startswith("x.yaml:3: _base_ 'two.yaml' does not exist")


def test_circle_of_bases():
    write("a.yaml", "_base_: sub/b.yaml\n")
    write("sub/b.yaml", "\n_base_: ../a.yaml\n")
    assert error_of("_base_: a.yaml\n") == ("sub/b.yaml:2: _base_ leads in a circle: a.yaml -> sub/b.yaml -> a.yaml")
    assert error_of("_base_: ./x.yaml\n") == "x.yaml:1: _base_ leads in a circle: x.yaml -> x.yaml"


# --- wrong values -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "written", "shown", "rule"),
    [
        ("training.batch_size", "0", "0", "a whole number of at least 1"),
        ("training.batch_size", "true", "true", "a whole number of at least 1"),
        ("training.batch_size", "'8'", '"8"', "a whole number of at least 1"),
        ("training.batch_size", "8.5", "8.5", "a whole number of at least 1"),
        ("training.batch_size", "", "null", "a whole number of at least 1"),
        ("training.batch_size", "[1]", "[1]", "a whole number of at least 1"),
        ("training.max_steps", "0", "0", "a whole number of at least 1, or null"),
        ("training.learning_rate", "0", "0", "a number above 0"),
        ("training.learning_rate", "fast", '"fast"', "a number above 0"),
        ("training.learning_rate", "yes", "true", "a number above 0"),
        ("training.learning_rate", ".nan", "NaN", "a number above 0"),
        ("training.warmup_ratio", "2", "2", "a number of at least 0 and at most 1"),
        ("lora.dropout", "1", "1", "a number of at least 0 and below 1"),
        ("lora.loraplus_lr_ratio", "0.5", "0.5", "a number of at least 1, or null"),
        ("lora.use_lora", "1", "1", "true or false"),
        ("lora.use_lora", "'true'", '"true"', "true or false"),
        ("lora.use_lora", "maybe", '"maybe"', "true or false"),
        ("lora.target_modules", "q_proj", '"q_proj"', "a list such as [a, b]; each item must be text"),
        ("lora.target_modules", "[q_proj, [v]]", '["q_proj", ["v"]]', "a list such as [a, b]; each item must be text"),
        ("training.report_to", "[mlflow]", '["mlflow"]',
         "a list such as [a, b]; each item must be one of tensorboard, wandb"),
        ("model.dtype", "bf17", '"bf17"', "one of bf16, fp16, fp32"),
        ("model.type", "seq2seq", '"seq2seq"', "causal_lm"),
        ("model.size", "[3B]", '["3B"]', "text, or null"),
        ("experiment.name", "null", "null", "text"),
        ("lora.r", "{a: 1}", '{"a": 1}', "a whole number of at least 1"),
    ],
)  # fmt: skip
def test_wrong_values(setting, written, shown, rule):
    write("root.yaml", MODEL)
    section, key = setting.split(".")
    message = error_of(f"_base_: root.yaml\n{section}:\n  {key}: {written}\n")
    assert message == f"x.yaml:3: {setting} = {shown}: must be {rule}"


def test_long_values_are_cut():
    message = error_of(MODEL + f"lora: {{r: {'x' * 500}}}\n")
    assert message == f'x.yaml:2: lora.r = "{"x" * 76}...: must be a whole number of at least 1'


def test_of_several_wrong_values_the_first_is_shown():
    text = MODEL + "lora: {r: 0}\ntraining: {seed: -1, report_to: [a, b]}\n"
    assert error_of(text) == "x.yaml:2: lora.r = 0: must be a whole number of at least 1 (and 2 more)"


# --- where settings come from -----------------------------------------------------------------------------------------


def test_sources_name_file_and_line():
    write("configs/base/root.yaml", MODEL + "lora:\n  r: 4\n  alpha: 8\n")
    write("configs/models/x.yaml", "_base_: ../base/root.yaml\nlora: {alpha: 9}\nexperiment:\n\n  tags:\n    - a\n")
    _, sources = load_config_with_sources("x", ["training.seed=42"])
    assert {key: source for key, source in sources.items() if source != "default"} == {
        "model.checkpoint": "configs/base/root.yaml:1",
        "lora.r": "configs/base/root.yaml:3",
        "lora.alpha": "configs/models/x.yaml:2",
        "experiment.tags": "configs/models/x.yaml:5",
        "training.seed": "command line",
    }


def test_sources_cover_every_setting_and_files_outside_are_absolute():
    config, sources = load_config_with_sources("qwen3_4b")
    assert list(sources) == list(flatten(config))
    assert sources["training.batch_size"] == f"{configs_dir()}/models/qwen3_4b.yaml:8"
    assert sources["training.optim"] == "default"


def test_name_is_the_stem_of_the_file_only_where_nobody_gave_one():
    write("my_1.5b.yaml", MODEL)
    config, sources = load_config_with_sources("my_1.5b.yaml")
    assert (config.experiment.name, sources["experiment.name"]) == ("my_1.5b", "default")
    config, sources = load_config_with_sources("my_1.5b.yaml", ["experiment.name=my_1.5b"])
    assert (config.experiment.name, sources["experiment.name"]) == ("my_1.5b", "command line")
    write("child.yaml", "_base_: named.yaml\n")
    write("named.yaml", MODEL + "experiment: {name: given}\n")
    config, sources = load_config_with_sources("child.yaml")
    assert (config.experiment.name, sources["experiment.name"]) == ("given", "named.yaml:2")


def test_differences():
    base = load_config(write("x.yaml", MODEL + "lora: {alpha: 32}\n"))
    config = load_config("x.yaml", ["training.batch_size=4", "experiment.tags=[a]", "lora.alpha=32.0"])
    assert differences(config, base) == {"training.batch_size": (8, 4), "experiment.tags": ([], ["a"])}
    assert differences(base, base) == {}


def test_two_configs_share_nothing():
    write("x.yaml", MODEL)
    load_config("x.yaml").lora.target_modules.append("lm_head")
    assert "lm_head" not in load_config("x.yaml").lora.target_modules


def test_4_bit_is_left_out_of_full_fine_tuning_unless_asked_for(folder):
    path = write("x.yaml", MODEL + "lora: {use_qlora: true}\n")
    found = {}
    for overrides in ([], ["lora.use_lora=false"]):
        config, sources = load_config_with_sources(path, overrides)
        leave_out_default_4bit(config, sources)
        found[len(overrides)] = config.lora.use_qlora
    assert found == {0: True, 1: False}
    config, sources = load_config_with_sources(path, ["lora.use_lora=false", "lora.use_qlora=true"])
    with pytest.raises(YoyakError, match="4-bit weights can't be trained; leave one out"):
        leave_out_default_4bit(config, sources)
