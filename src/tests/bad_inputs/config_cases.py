"""Configs and overrides that are wrong."""

from src.tests.bad_inputs.case import MODEL, Case


def config(name: str, text: str | bytes, line: str) -> Case:
    """Return the case of a config file x.yaml."""
    return Case(f"config: {name}", "config show x.yaml", line, files={"x.yaml": text})


CONFIGS = [
    config("empty", "", "x.yaml: model.checkpoint is not set; set it there or name a _base_ that does"),
    config("only a comment", "# nothing\n", "x.yaml: model.checkpoint is not set; ..."),
    config("a list", "- model\n", "x.yaml:1: expected sections with keys, such as 'training:', at the top"),
    config(
        "a tab", "model:\n\tcheckpoint: a\n", "x.yaml:2: broken YAML at column 1: found character '\\t' that cannot ..."
    ),
    config("NUL", b"model: a\0b\n", 'x.yaml:1: broken YAML at column 9: the character "\\u0000" is not allowed'),
    config("UTF-16", MODEL.encode("utf-16"), "x.yaml:1: not UTF-8 text; save the file as UTF-8"),
    config("deep brackets", "model: " + "[" * 1500, "x.yaml:1: more than 16 levels; write the settings out"),
    config("two documents", MODEL + "---\n" + MODEL, "x.yaml:3: broken YAML at column 1: but found another document"),
    config("Python tag", "lora:\n  r: !!python/name:os.system x\n", "x.yaml:2: the value cannot be read: ..."),
    config("an unknown key", MODEL + "lr: 1\n", "x.yaml:3: unknown key 'lr'; did you mean 'training.learning_rate'?"),
    config("twice a key", MODEL + MODEL, "x.yaml:3: 'model' is set twice, first in line 1; keep one"),
    config("a key that is a list", "[a]: 1\n", "x.yaml:1: a key must be a single word"),
    config("a section that is a number", "lora: 5\n", "x.yaml:1: lora = 5: must be a section with keys below it"),
    config(
        "text for a number", MODEL + "lora:\n  r: many\n", 'x.yaml:4: lora.r = "many": must be a whole number of at ...'
    ),
    config(
        "a number of 5,000 digits", f"lora:\n  r: {'9' * 5000}\n", "x.yaml:2: the value cannot be read: Exceeds ..."
    ),
    config("infinity", MODEL + "lora:\n  alpha: .inf\n", "x.yaml:4: lora.alpha = Infinity: must be a number above 0"),
    config(
        "a date that is none", "lora:\n  r: 2026-13-45\n", "x.yaml:2: the value cannot be read: month must be in ..."
    ),
    config("itself as its base", "_base_: x.yaml\n", "x.yaml:1: _base_ leads in a circle: x.yaml -> x.yaml"),
    config("no such base", "_base_: y.yaml\n", "x.yaml:1: _base_ 'y.yaml' does not exist: no file y.yaml"),
    config(
        "a base of a long name", f"_base_: {'y' * 300}.yaml\n", "x.yaml:1: _base_ 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy..."
    ),
    config(
        "a base with NUL", '_base_: "a\\0.yaml"\n', "x.yaml:1: _base_ 'a\\x00.yaml' does not exist: no file a\\x00.yaml"
    ),
    config(
        "control characters in a key", '"a\\e[2J\\nb": 1\n', "x.yaml:1: unknown key 'a\\x1b[2J\\nb'; known here: ..."
    ),
    config(
        "a way out of the outputs",
        MODEL + "experiment: {name: ../../x}\n",
        'x.yaml:3: experiment.name = "../../x": ...',
    ),
    config(
        "a bomb of aliases",
        "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)),
        "x.yaml:6: more than 20000 values...",
    ),
    config("17 levels", "model: " + "[" * 17 + "]" * 17 + "\n", "x.yaml:1: more than 16 levels..."),
    config("300 KB", "# " + "x" * 300_000 + "\n" + MODEL, "x.yaml..."),
    Case(
        "config: bases that fan out",
        "config show x.yaml",
        "a28.yaml:1: _base_ leads to more than 64 files; name fewer",
        files={
            "x.yaml": "_base_: [a0.yaml, a0.yaml]\n" + MODEL,
            **{f"a{n}.yaml": f"_base_: [a{n + 1}.yaml, a{n + 1}.yaml]\n" for n in range(30)},
            "a30.yaml": "",
        },
    ),
    *(
        Case(
            f"override: {setting}={value:.0f}",
            f"config show smollm2_135m {setting}={value}",
            f"command line: {setting} = {value}: must be a whole number of at least {least} and {most}",
        )
        for setting, value, least, most in (
            ("training.seed", 2**32, 0, "below 4,294,967,296"),
            ("generation.seed", 2**63, 0, "below 9,223,372,036,854,775,808"),
            ("lora.r", 10**8, 1, "at most 16,384"),
            ("tokenizer.encoder_max_len", 10**20, 1, "at most 16,777,216"),
            ("tokenizer.decoder_max_len", 10**20, 1, "at most 1,048,576"),
            ("training.batch_size", 10**20, 1, "at most 1,000,000,000"),
            ("training.max_steps", 10**20, 1, "at most 1,000,000,000, or null"),
            ("generation.num_beams", 10**6, 1, "at most 1,024"),
            ("generation.mbr_samples", 10**6, 0, "at most 16,384"),
            ("generation.top_k", 10**20, 0, "at most 1,000,000,000"),
        )
    ),
    Case(
        "override: a temperature near 0",
        "config show smollm2_135m generation.temperature=1e-300",
        "command line: generation.temperature = 1e-300: must be a number of at least 1e-06",
    ),
    Case(
        "override: an MBR of equal samples",
        "config show smollm2_135m generation.mbr_temperature=0",
        "command line: generation.mbr_temperature = 0: must be auto, or a number of at least 1e-06",
    ),
    Case(
        "override: 10^300 epochs",
        "config show smollm2_135m training.epochs=1e300",
        "command line: training.epochs = 1e+300: must be a number above 0 and at most 1,000,000,000",
    ),
    *(
        Case(
            f"argument: not UTF-8, {command.split()[0]}",
            f"{command} 'x\udcff'",
            "command line: x\\udcff: not UTF-8 text; write it in UTF-8, or rename the file that it names",
        )
        for command in ("config show", "summarize -e smollm2_135m", "train -e smollm2_135m", "data check", "evaluate")
    ),
    Case("config: a folder", "config show .", "no config '.': neither a YAML file nor a name in ..."),
    Case(
        "override: no value", "config show smollm2_135m lora.r", 'command line: "lora.r": write section.key=value, ...'
    ),
    Case("override: line ends", "config show smollm2_135m 'a\n.b=1'", "command line: unknown key 'a\\n.b'; ..."),
    Case(
        "override: broken", "config show smollm2_135m 'lora.r=[1'", "command line: lora.r: broken YAML at column 3: ..."
    ),
]
