"""Tests of reading YAML and overrides."""

from pathlib import Path

import pytest

from src.config import load_config
from src.config.provenance import read_override
from src.tests.config import MODEL, error_of, write

# --- YAML -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [("2e-5", 0.00002), ("2E-5", 0.00002), ("1.5e3", 1500.0), (".5e+1", 5.0), ("3.e-1", 0.3), ("0.1", 0.1), ("3", 3.0)],
)
def test_numbers_with_exponents_are_numbers(written, value):
    """Trap 23: PyYAML itself reads `2e-5` as a string."""
    for config in (
        load_config(write("x.yaml", MODEL + f"training: {{learning_rate: {written}}}\n")),
        load_config(write("y.yaml", MODEL), [f"training.learning_rate={written}"]),
    ):
        assert config.training.learning_rate == value
        assert type(config.training.learning_rate) is float


@pytest.mark.parametrize("written", ["010", "-010", "1:30", "1:30.5", "08"])
def test_numbers_of_base_8_and_60_are_none(written):
    assert read_override(f"training.save_minutes={written}")[1].value == written
    assert read_override(f"experiment.name={written}")[1].value == written
    space = f"search.space={{training.seed: [{written}, 0]}}"
    assert read_override(space)[1].value == {"training.seed": [written, 0]}


def test_underscores_in_whole_numbers():
    assert load_config(write("x.yaml", MODEL + "training: {max_steps: 1_000}\n")).training.max_steps == 1000


def test_whole_numbers_pass_as_decimal_ones():
    config = load_config(write("x.yaml", MODEL + "lora: {alpha: 64, dropout: 0}\n"))
    assert (config.lora.alpha, config.lora.dropout) == (64.0, 0.0)
    assert type(config.lora.alpha) is float


def test_text_is_taken_as_written():
    write("x.yaml", "model: {checkpoint: 1_0, size: 3e1}\nexperiment: {name: 2026-01-01, tags: [1e3, on, 3b]}\n")
    config = load_config("x.yaml")
    assert (config.model.checkpoint, config.model.size) == ("1_0", "3e1")
    assert (config.experiment.name, config.experiment.tags) == ("2026-01-01", ["1e3", "on", "3b"])


@pytest.mark.parametrize(
    ("written", "value"), [("on", "on"), ("off", "off"), ("yes", "on"), ("false", "off"), ("auto", "auto")]
)
def test_on_and_off_are_words_where_the_schema_has_them(written, value):
    in_file = load_config(write("x.yaml", MODEL + f"lora: {{cache_dequantized: {written}}}\n"))
    in_command = load_config(write("y.yaml", MODEL), [f"lora.cache_dequantized={written}"])
    assert (in_file.lora.cache_dequantized, in_command.lora.cache_dequantized) == (value, value)


@pytest.mark.parametrize(("written", "value"), [("auto", "auto"), ("512", 512), ("1_024", 1024), ("'auto'", "auto")])
def test_a_word_or_a_whole_number(written, value):
    in_file = load_config(write("x.yaml", MODEL + f"training: {{micro_batch_tokens: {written}}}\n"))
    in_command = load_config(write("y.yaml", MODEL), [f"training.micro_batch_tokens={written}"])
    assert (in_file.training.micro_batch_tokens, in_command.training.micro_batch_tokens) == (value, value)


@pytest.mark.parametrize("written", ["0", "1.5", "off", "[512]"])
def test_neither_the_word_nor_a_whole_number(written):
    message = error_of(MODEL, f"training.micro_batch_tokens={written}")
    assert message.endswith(": must be auto, or a whole number of at least 1")


def test_on_and_off_are_truth_values_elsewhere():
    config = load_config(write("x.yaml", MODEL + "lora: {use_lora: off, use_dora: on}\n"))
    assert (config.lora.use_lora, config.lora.use_dora) == (False, True)


def test_duplicate_keys():
    message = error_of(MODEL + "training:\n  seed: 1\n  epochs: 1\n  seed: 1\n")
    assert message == "x.yaml:5: 'training.seed' is set twice, first in line 3; keep one"
    assert error_of(MODEL + "\n" + MODEL) == "x.yaml:3: 'model' is set twice, first in line 1; keep one"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training:\n  a: b: c\n", "x.yaml:2: broken YAML at column 7: mapping values are not allowed here"),
        ("a: [1\n", "x.yaml:2: broken YAML at column 1: expected ',' or ']', but got '<stream end>'"),
        ("a: 1\n\tb: 2\n", "x.yaml:2: broken YAML at column 1: found character '\\t' that cannot start any token"),
        ("a:\n b\x07c\n", 'x.yaml:2: broken YAML at column 3: the character "\\u0007" is not allowed'),
        ("---\na: 1\n---\nb: 1\n", "x.yaml:3: broken YAML at column 1: but found another document"),
        ("- training\n", "x.yaml:1: expected sections with keys, such as 'training:', at the top"),
        ("\nhello\n", "x.yaml:2: expected sections with keys, such as 'training:', at the top"),
        ("? [a]\n: 1\n", "x.yaml:1: a key must be a single word"),
        ("training:\n  seed: 2026-13-45\n", "x.yaml:2: the value cannot be read: month must be in 1..12"),
        (
            "lora: {target_modules: &a [*a]}\n",
            "x.yaml:1: an alias stands inside of what it names; write the settings out",
        ),
        ("lora:\n  r: !!python/name:os.system x\n", None),
        ("lora: {r: " + "[" * 3000, None),
        ('model: {checkpoint: "\\UFFFFFFFF"}\n', None),
    ],
)
def test_broken_yaml_is_one_line_with_its_place(text, message):
    found = error_of(text)
    assert found == message if message else found.startswith("x.yaml:")


def test_byte_order_mark_and_korean_text():
    Path("x.yaml").write_bytes(b"\xef\xbb\xbf" + (MODEL + "dataset: {instruction: 요약해 주세요}\n").encode())
    assert load_config("x.yaml").dataset.instruction == "요약해 주세요"


def test_text_that_is_not_utf_8():
    Path("x.yaml").write_bytes(b"# ok\nmodel: \xb0\xa1\n")
    assert error_of(None) == "x.yaml:2: not UTF-8 text; save the file as UTF-8"


def test_a_file_of_more_than_256_kib_is_no_config():
    exact = MODEL + "#" * ((256 << 10) - len(MODEL))
    assert load_config(write("x.yaml", exact)).model.checkpoint == "some/model"
    assert error_of(exact + "#") == "x.yaml: larger than 256 KiB, so it is no config; check the path"


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n"])
def test_an_empty_file_has_no_settings(text):
    assert error_of(text) == "x.yaml: model.checkpoint is not set; set it there or name a _base_ that does"


def test_a_section_without_keys_is_empty():
    assert load_config(write("x.yaml", MODEL + "training:\n  # seed: 1\n")).training.seed == 42


@pytest.mark.parametrize("base", ["", "{a: b}", "[x.yaml, [y.yaml]]", "null"])
def test_base_must_be_a_path(base):
    message = error_of(f"_base_: {base}\n")
    assert message == "x.yaml:1: _base_ must be the path of a YAML file, or a list of paths"


def test_base_inside_a_section_is_an_unknown_key():
    message = error_of(MODEL + "training:\n  _base_: y.yaml\n")
    assert message == "x.yaml:3: unknown key 'training._base_'; _base_ belongs at the top of the file"


def test_a_section_must_have_keys():
    assert error_of(MODEL + "training: 5\n") == "x.yaml:2: training = 5: must be a section with keys below it"


# --- overrides --------------------------------------------------------------------------------------------------------


def test_overrides_come_last_and_the_last_one_wins():
    write("x.yaml", MODEL + "training: {seed: 1, eval_steps: 5, epochs: 2}\n")
    config = load_config(
        "x.yaml",
        [
            "training.seed=2",
            "training.seed = 3",
            "training.eval_steps=null",
            "lora.use_lora=false",
            "experiment.tags=[a, 'b c', 3e1]",
            "training.report_to=[]",
        ],
    )
    assert (config.training.seed, config.training.eval_steps, config.training.epochs) == (3, None, 2.0)
    assert (config.lora.use_lora, config.training.report_to) == (False, [])
    assert config.experiment.tags == ["a", "b c", "3e1"]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("요약: 다음 [대화] # 한 줄", "요약: 다음 [대화] # 한 줄"),
        ("a=b", "a=b"),
        ("'quoted: text'", "quoted: text"),
        ("null", None),
        ("", None),
        ('"null"', "null"),
    ],
)
def test_text_on_the_command_line_needs_no_quotes(written, value):
    assert load_config(write("x.yaml", MODEL), [f"dataset.system={written}"]).dataset.system == value


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.seed", '"training.seed": write section.key=value, such as training.batch_size=4'),
        ("=4", '"=4": write section.key=value, such as training.batch_size=4'),
        ("", '"": write section.key=value, such as training.batch_size=4'),
        ("training=4", "'training' is a section; set one of its keys, such as training.epochs=..."),
        ("training.lr=4", "unknown key 'training.lr'; did you mean 'training.learning_rate'?"),
        ("traning.seed=4", "unknown key 'traning.seed'; did you mean 'training.seed'?"),
        ("training.seed=-1", "training.seed = -1: must be a whole number of at least 0"),
        ("experiment.tags=[a", "experiment.tags: broken YAML at column 3: expected ',' or ']', but got '<stream end>'"),
        ("experiment.tags=a", 'experiment.tags = "a": must be a list such as [a, b]; each item must be text'),
    ],
)
def test_wrong_overrides(override, message):
    assert error_of(MODEL, override) == f"command line: {message}"


# --- unknown keys (trap 24) -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training:\n  lr: 1", "2: unknown key 'training.lr'; did you mean 'training.learning_rate'?"),
        ("training:\n  batchsize: 1", "2: unknown key 'training.batchsize'; did you mean 'training.batch_size'?"),
        ("generation:\n  optim: 1", "2: unknown key 'generation.optim'; did you mean 'training.optim'?"),
        ("generation:\n  num_beam: 1", "2: unknown key 'generation.num_beam'; did you mean 'generation.num_beams'?"),
        (
            "generation:\n  batch_sise: 1",
            "2: unknown key 'generation.batch_sise'; did you mean 'generation.batch_size'?",
        ),
        ("lora:\n\n  lora_alpha: 1", "3: unknown key 'lora.lora_alpha'; did you mean 'lora.alpha'?"),
        ("batch_size: 4", "1: unknown key 'batch_size'; did you mean 'training.batch_size'?"),
        ("base_model: x", "1: unknown key 'base_model'; did you mean 'model.checkpoint'?"),
        ("cutoff_len: 512", "1: unknown key 'cutoff_len'; did you mean 'tokenizer.encoder_max_len'?"),
        ("max_seq_len: 512", "1: unknown key 'max_seq_len'; did you mean 'tokenizer.encoder_max_len'?"),
        ("lora_rank: 8", "1: unknown key 'lora_rank'; did you mean 'lora.r'?"),
        ("trainng:\n  seed: 1", "1: unknown key 'trainng'; did you mean 'training'?"),
        ("evaluation:\n  zzz: 1", "2: unknown key 'evaluation.zzz'; known here: generate, tokenization, stemmer"),
    ],
)
def test_unknown_keys(text, message):
    assert error_of(text) == f"x.yaml:{message}"


def test_an_unknown_key_in_a_base_is_found_in_the_base():
    write("base/root.yaml", MODEL + "training:\n  bogus_epochs: 1\n")
    assert error_of("_base_: base/root.yaml\n") == (
        "base/root.yaml:3: unknown key 'training.bogus_epochs'; did you mean 'training.epochs'?"
    )
