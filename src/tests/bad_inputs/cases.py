"""The table of bad inputs: files, command, the line that is said, exit code (or HTTP status). One row a case.

A command is a shell line after `yoyak`, run in a folder with the case's files, or `POST PATH` with a body. TINY is a
config of a tiny model with good data. The line is the last one on standard error without its `yoyak: `, or the
message of the server's answer; `...` at its end stands for any rest.
"""

import io
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Content = str | bytes | Callable[[], bytes]


@dataclass(frozen=True)
class Case:
    """A row of the table; `files` are written before the command, and nothing else may be there after it."""

    name: str
    command: str
    line: str
    code: int = 2
    files: Mapping[str, Content] = field(default_factory=dict)
    prepare: Callable[[Path], None] | None = None
    """Makes further files from those in a folder with a tiny model (`base`), an adapter (`adapter`) and its data."""
    body: bytes = b""


def parquet(rows: Mapping[str, Any], **options: Any) -> Callable[[], bytes]:
    """Return what makes the bytes of a Parquet file."""

    def make() -> bytes:
        buffer = io.BytesIO()
        pq.write_table(pa.table(rows), buffer, **options)
        return buffer.getvalue()

    return make


def damaged(rows: Mapping[str, Any], start: int, stop: int | None, **options: Any) -> Callable[[], bytes]:
    """Return what makes a Parquet file in which some bytes are 255."""

    def make() -> bytes:
        content = bytearray(parquet(rows, **options)())
        content[start:stop] = b"\xff" * len(content[start:stop])
        return bytes(content)

    return make


MODEL = "model:\n  checkpoint: bundled:smollm2-135m\n"
HEAD = "dialogue,summary\n"
GOOD = {"dialogue": ["A: hi"], "summary": ["A greets."]}
MEND = "; mend the rows or set data.on_bad_rows=drop"
OWN_COLUMNS = "use data.dialogue_column=COLUMN data.summary_column=COLUMN"


def config(name: str, text: str | bytes, line: str) -> Case:
    """Return the case of a config file x.yaml."""
    return Case(f"config: {name}", "config show x.yaml", line, files={"x.yaml": text})


def data(name: str, suffix: str, content: Content, line: str) -> Case:
    """Return the case of a data file x.SUFFIX."""
    return Case(f"{suffix}: {name}", f"data split x.{suffix} --out out", line, files={f"x.{suffix}": content})


CONFIGS = [
    config("empty", "", "x.yaml: model.checkpoint is not set; set it there or name a _base_ that does"),
    config("only a comment", "# nothing\n", "x.yaml: model.checkpoint is not set; ..."),
    config("a list", "- model\n", "x.yaml:1: expected sections with keys, such as 'training:', at the top"),
    config(
        "a tab", "model:\n\tcheckpoint: a\n", "x.yaml:2: broken YAML at column 1: found character '\\t' that cannot ..."
    ),
    config("NUL", b"model: a\0b\n", 'x.yaml:1: broken YAML at column 9: the character "\\u0000" is not allowed'),
    config("UTF-16", MODEL.encode("utf-16"), "x.yaml:1: not UTF-8 text; save the file as UTF-8"),
    config("deep brackets", "model: " + "[" * 1500, "x.yaml:1: broken YAML at column 1: maximum recursion depth ..."),
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
    Case("config: a folder", "config show .", "no config '.': neither a YAML file nor a name in ..."),
    Case(
        "override: no value", "config show smollm2_135m lora.r", 'command line: "lora.r": write section.key=value, ...'
    ),
    Case("override: line ends", "config show smollm2_135m 'a\n.b=1'", "command line: unknown key 'a\\n.b'; ..."),
    Case(
        "override: broken", "config show smollm2_135m 'lora.r=[1'", "command line: lora.r: broken YAML at column 3: ..."
    ),
]

TABLES = [
    data("empty", "csv", "", "x.csv: the file is empty"),
    data("zero bytes", "csv", b"\0" * 5000, "x.csv:1: NUL characters in the header; save the file as UTF-8 text"),
    data("zeros", "csv", "0,0,0\n" * 5000, f"x.csv: no column 'dialogue' and 'summary'; its columns are 0, 0, 0; {OWN_COLUMNS}"),
    data("zero bytes in a row", "csv", HEAD + "a\0,b\n", f"x.csv:2: NUL character: in column 'dialogue'{MEND}"),
    data("only a header", "csv", HEAD, "x.csv: a header but no rows"),
    data("only blank lines", "csv", "\n\r\n\n", "x.csv: the file is empty"),
    data("semicolons", "csv", "dialogue;summary\na;b\n", "x.csv: one column, with ';' in its name; separate by commas ..."),
    data("an open quote", "csv", HEAD + '"a,b\n' * 9, "x.csv:2: broken quoting: text after a closing quote in line 3 ..."),
    data("an open quote at the end", "csv", HEAD + 'a,"b\n', "x.csv:2: broken quoting: a quote is opened and not closed ..."),
    data("too many fields", "csv", HEAD + "a,b,c\n", f"x.csv:2: wrong number of fields: 3 instead of 2{MEND}"),
    data("no summary", "csv", HEAD + "a,\n", f"x.csv:2: no summary{MEND}"),
    data("an id twice", "csv", "fname," + HEAD + "1,a,b\n1,c,d\n", f"x.csv:3: repeated id: '1' is that of line 2 too{MEND}"),
    data("a column twice", "csv", "dialogue," + HEAD + "a,b,c\n", "x.csv: the column 'dialogue' occurs twice; rename one"),
    data("UTF-16", "csv", (HEAD + "a,b\n").encode("utf-16"), "x.csv: UTF-16 text; save the file as UTF-8"),
    data(
        "no encoding", "csv", HEAD.encode() + b"\xff\xff,b\n",
        "x.csv: cannot be decoded: utf-8 fails at byte 17 (line 2), cp949 fails at byte 17 (line 2); save the file as UTF-8",
    ),
    data(
        "a mark of UTF-8 before CP949", "csv", b"\xef\xbb\xbf" + f"{HEAD}가,b\n".encode("cp949"),
        "x.csv: cannot be decoded: utf-8 fails at byte 20 (line 2); save the file as UTF-8",
    ),
    data("5,000 columns", "csv", ",".join(map(str, range(5000))), "x.csv: 5,000 columns, 4,096 at most; leave out those ..."),
    data("escapes in a column", "csv", "\x1b]0;x\x07,b\n1,2\n", "x.csv: no column 'dialogue' and 'summary'; its columns are \\x1b]0;x\\x07, b; ..."),
    data("a spreadsheet", "xlsx", b"PK\3\4", "x.xlsx: cannot read '.xlsx' files, only .csv .tsv .json .jsonl .parquet; save ..."),
    data("commas", "tsv", HEAD + "a,b\n", "x.tsv: one column, with ',' in its name; separate by commas (.csv) or tabs (.tsv)"),
    data("an open quote", "tsv", 'dialogue\tsummary\n"a\tb\n', "x.tsv:2: broken quoting: a quote is opened and not closed ..."),
    data("only zero bytes", "tsv", b"\0", "x.tsv:1: NUL characters in the header; save the file as UTF-8 text"),
    Case("csv: a folder", "data split . --out out", ".: a folder; name a file in it"),
    Case("csv: a long name", f"data split {'a' * 300}.csv --out out", f"{'a' * 300}.csv: cannot be read (File name too long)"),
    Case("csv: no such sample", "data split sample:xx.csv --out out", "sample:xx.csv: no such sample; there are sample:en/dev.csv, ..."),
]  # fmt: skip

JSON = [
    data("blank", "json", " \n", "x.json: the file is empty"),
    data("a number", "json", "3", "x.json: expected a list of objects, or an object with one list, not a single value"),
    data("a list of numbers", "json", "[1]", f"x.json:1: not an object: a JSON int{MEND}"),
    data("an open list", "json", '[{"a": 1}', "x.json:1: not valid JSON: Expecting ',' or ']' (column 10)"),
    data("deep lists", "json", "[" * 100_000, "x.json: not valid JSON: maximum recursion depth exceeded ..."),
    data("deep objects", "json", '{"a":' * 100_000, "x.json: not valid JSON: maximum recursion depth exceeded ..."),
    data("a number of 5,000 digits", "json", "[" + "1" * 5000 + "]", "x.json: not valid JSON: Exceeds the limit ..."),
    data("no list", "json", "{}", "x.json: expected a list of objects, or an object with one list, not an object without a list"),
    data("a key that is no text", "json", "{1: []}", "x.json:1: not valid JSON: Expecting property name enclosed in double ..."),
    data("many lists", "json", json.dumps({f"l{n}": [] for n in range(999)}), "x.json: expected a list of objects, or an object with one list, not an object with the lists l0, l1, l2, ..."),
    data("JSON Lines with a comma", "json", "{},\n{}", "x.json:1: not valid JSON: Extra data (column 3)"),
    data("a role that is a list", "jsonl", '{"messages": [{"role": []}]}', f"x.jsonl:1: no dialogue{MEND}"),
    data("half of a pair", "jsonl", '{"dialogue": "\\ud800", "summary": "s"}', f"x.jsonl:1: broken character: a lone surrogate in column 'dialogue'{MEND}"),
    data("a key that is half of a pair", "jsonl", '{"\\ud800": 1}', f"x.jsonl: no column 'dialogue' and 'summary'; its columns are \\ud800; {OWN_COLUMNS}"),
    data("an object as dialogue", "jsonl", '{"dialogue": {}, "summary": "s"}', f"x.jsonl:1: not text: column 'dialogue' holds a dict{MEND}"),
    data("cut off", "jsonl", '{"dialogue": "a", "summ', f"x.jsonl:1: broken JSON: Unterminated string starting at, column 19{MEND}"),
    data("deep lists", "jsonl", "[" * 100_000, f"x.jsonl:1: broken JSON: maximum recursion depth exceeded while decoding a JSON array from a unicode string{MEND}"),
    data("blank lines", "jsonl", "\n \n", "x.jsonl: no rows"),
]  # fmt: skip

PARQUET = [
    data("text", "parquet", "dialogue,summary", "x.parquet: not a Parquet file (Parquet magic bytes not found in footer. ..."),
    data("only its name", "parquet", b"PAR1PAR1", "x.parquet: not a Parquet file (..."),
    data("zero bytes", "parquet", b"\0" * 5000, "x.parquet: not a Parquet file (Parquet magic bytes not found in footer. ..."),
    data("a damaged page", "parquet", damaged(GOOD, 4, 40), "x.parquet: unreadable after row 0 (..."),
    data("a damaged footer", "parquet", damaged(GOOD, -60, -8), "x.parquet: cannot be read (..."),
    data("cut off", "parquet", lambda: parquet(GOOD)()[:-20], "x.parquet: not a Parquet file (Parquet magic bytes not ..."),
    data("no rows", "parquet", parquet({"dialogue": pa.array([], pa.string()), "summary": pa.array([], pa.string())}), "x.parquet: a header but no rows"),
    data("bytes as dialogue", "parquet", parquet({"dialogue": [b"\xff"], "summary": ["s"]}), f"x.parquet: row 1: not text: column 'dialogue' holds a bytes{MEND}"),
    data("a day after the year 9999", "parquet", parquet({**GOOD, "day": pa.array([2**50], pa.timestamp("ms"))}), "x.parquet: unreadable after row 0 (..."),
    data("5,000 columns", "parquet", parquet({str(n): [1] for n in range(5000)}), "x.parquet: 5,000 columns, 4,096 at most; ..."),
    data("one text 40,000 times", "parquet", parquet({"dialogue": pa.repeat("x" * 2000, 40_000), "summary": pa.repeat("s", 40_000)}), "x.parquet: unpacks to more than 100 times its size after row ..."),
    data("a dialogue of 17 million characters", "parquet", parquet({"dialogue": ["x" * (17 << 20)], "summary": ["s"]}), f"x.parquet: row 1: row too long: more than 16,777,216 characters{MEND}"),
]  # fmt: skip

SUMMARIES = HEAD.replace("dialogue", "fname") + "a,They greet.\nb,They go.\n"


def scoring(name: str, suffix: str, content: Content, line: str) -> Case:
    """Return the case of a file with predictions."""
    command = f"evaluate --predictions p.{suffix} --references r.csv"
    return Case(f"predictions: {name}", command, line, files={f"p.{suffix}": content, "r.csv": SUMMARIES})


PREDICTIONS = [
    scoring("empty", "csv", "", "p.csv: the file is empty"),
    scoring("zero bytes", "csv", b"\0" * 100, "p.csv:1: NUL characters in the header; save the file as UTF-8 text"),
    scoring("a row missing", "csv", "fname,summary\na,x\n", "r.csv: 1 ids without a prediction, such as b; both files need ..."),
    scoring("an id twice", "csv", "fname,summary\na,x\na,y\n", "p.csv:3: fname a is that of line 2 too; give each row its own"),
    scoring("no id", "csv", "fname,summary\n,x\n", "p.csv:2: no fname; give each row its own"),
    scoring("other ids", "csv", "fname,summary\nc,x\nd,y\n", "p.csv: no fname in common with r.csv, such as c and a"),
    scoring("all empty", "csv", "fname,summary\na,\nb,\n", "p.csv: every 'summary' is empty; there is nothing to score"),
    scoring("no summaries", "csv", "fname,sumary\na,x\nb,y\n", "p.csv: no column 'summary'; did you mean 'sumary'?; its ..."),
    scoring("numbers", "jsonl", '{"fname": "a", "summary": 5}\n{"fname": "b", "summary": "x"}', "p.jsonl:1: 'summary' is a number, not text"),
    scoring("mixed ids", "jsonl", '{"fname": "a", "summary": "x"}\n{"fname": 2, "summary": "x"}', "p.jsonl:2: mixed ids: fname is a number here and text in line 1; write all of them as text"),
    scoring("an id that is a list", "jsonl", '{"fname": [], "summary": "x"}', "p.jsonl:1: fname is a list; write it as text"),
    scoring("a cut line", "jsonl", '{"fname": "a"', "p.jsonl:1: broken JSON: Expecting ',' delimiter, column 14; mend the row"),
    scoring("no Parquet", "parquet", "fname", "p.parquet: not a Parquet file (..."),
    Case("predictions: a folder", "evaluate --predictions . --references r.csv", ".: a folder; name a file in it, such as r.csv", files={"r.csv": SUMMARIES}),
    Case("predictions: no such file", "evaluate --predictions q.csv --references r.csv", "q.csv: no such file; did you mean 'r.csv'?", files={"r.csv": SUMMARIES}),
]  # fmt: skip


def copied(source: str, **changed: str | bytes | None) -> Callable[[Path], None]:
    """Return what copies a folder of the tiny model to `m` with files replaced (`config_json` is config.json)."""

    def prepare(tiny: Path) -> None:
        shutil.copytree(tiny / source, "m")
        for name, content in changed.items():
            path = Path("m") / ".".join(name.rsplit("_", 1))
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return prepare


def cut(source: str, name: str, size: int) -> Callable[[Path], None]:
    """Return what copies a folder of the tiny model to `m`, of one file only the first bytes."""

    def prepare(tiny: Path) -> None:
        shutil.copytree(tiny / source, "m")
        (Path("m") / name).write_bytes((tiny / source / name).read_bytes()[:size])

    return prepare


def changed_json(source: str, name: str, **changed: Any) -> Callable[[Path], None]:
    """Return what copies a folder of the tiny model to `m`, with other values in a JSON file."""

    def prepare(tiny: Path) -> None:
        shutil.copytree(tiny / source, "m")
        old = json.loads((Path("m") / name).read_text())
        (Path("m") / name).write_text(json.dumps(old | changed))

    return prepare


def checkpoint(name: str, prepare: Callable[[Path], None] | None, line: str, folder: str = "m") -> Case:
    """Return the case of a base model."""
    command = f"summarize 'A: a' -e TINY model.checkpoint={folder}"
    return Case(f"checkpoint: {name}", command, f"model.checkpoint = {folder}: {line}", prepare=prepare)


def adapter(name: str, prepare: Callable[[Path], None] | None, line: str) -> Case:
    """Return the case of an adapter."""
    return Case(f"adapter: {name}", "summarize 'A: a' -e TINY --adapter m", f"m: {line}", prepare=prepare)


BOMB = (2**60).to_bytes(8, "little") + b"{}"  # safetensors: a header of 2**60 bytes
PICKLE = b"PK\3\4archive/data.pkl"
CHECKPOINTS = [
    checkpoint("not there", None, "no such model folder", "./m"),
    checkpoint("of no user", None, "no such model folder", "~nobody-of-this-name/m"),
    checkpoint("empty folder", lambda _: Path("m").mkdir(), "the folder has no config.json, so it is no model"),
    checkpoint("config.json is no JSON", copied("base", config_json="{"), "can't be loaded: ..."),
    checkpoint("config.json is a list", copied("base", config_json="[]"), "can't be loaded: ..."),
    checkpoint("config.json is deep", copied("base", config_json="[" * 100_000), "can't be loaded: ..."),
    checkpoint("an unknown architecture", changed_json("base", "config.json", model_type="x"), "can't be loaded: ..."),
    checkpoint("a size that is text", changed_json("base", "config.json", hidden_size="big"), "can't be loaded: ..."),
    checkpoint("another size", changed_json("base", "config.json", hidden_size=32), "can't be loaded: ..."),
    checkpoint("no heads", changed_json("base", "config.json", num_attention_heads=0), "can't be loaded: ..."),
    checkpoint("weights cut off", cut("base", "model.safetensors", 5000), "can't be loaded: ..."),
    checkpoint("weights of zero bytes", copied("base", model_safetensors=b"\0" * 5000), "can't be loaded: ..."),
    checkpoint("weights with a huge header", copied("base", model_safetensors=BOMB), "can't be loaded: ..."),
    checkpoint("weights empty", copied("base", model_safetensors=b""), "can't be loaded: ..."),
    checkpoint("no weights", copied("base", model_safetensors=None), "..."),
    checkpoint("no tokenizer", copied("base", tokenizer_json=None), "can't be loaded: ..."),
    checkpoint("tokenizer.json is no JSON", copied("base", tokenizer_json="{"), "can't be loaded: ..."),
    checkpoint("tokenizer.json is a number", copied("base", tokenizer_json="5"), "can't be loaded: ..."),
    checkpoint("tokenizer_config.json is a list", copied("base", tokenizer_config_json="[]"), "can't be loaded: ..."),
]
ADAPTERS = [
    adapter("not there", None, "no such adapter folder; name a run's final_model"),
    adapter("empty folder", lambda _: Path("m").mkdir(), "no adapter_config.json, so this is no adapter folder; ..."),
    adapter("no weights", copied("adapter", adapter_model_safetensors=None), "no adapter_model.safetensors (pickled ..."),
    adapter("weights cut off", cut("adapter", "adapter_model.safetensors", 500), "the adapter does not fit ..."),
    adapter("weights of zero bytes", copied("adapter", adapter_model_safetensors=b"\0" * 500), "the adapter does not fit ..."),
    adapter("weights that are a pickle", copied("adapter", adapter_model_safetensors=PICKLE), "the adapter does not fit ..."),
    adapter("weights with a huge header", copied("adapter", adapter_model_safetensors=BOMB), "the adapter does not fit ..."),
    adapter("settings are no JSON", copied("adapter", adapter_config_json="{"), "the adapter does not fit ..."),
    adapter("settings are a list", copied("adapter", adapter_config_json="[]"), "..."),
    adapter("settings are deep", copied("adapter", adapter_config_json="[" * 100_000), "..."),
    adapter("another rank", changed_json("adapter", "adapter_config.json", r=2), "the adapter does not fit ..."),
    adapter("a rank that is text", changed_json("adapter", "adapter_config.json", r="x"), "the adapter does not fit ..."),
    adapter("another method", changed_json("adapter", "adapter_config.json", peft_type="X"), "..."),
    adapter("an unknown setting", changed_json("adapter", "adapter_config.json", target_modules=["x"]), "..."),
    Case("adapter: no settings of a run", "summarize 'A: a' --adapter m", "m: no yoyak.yaml, so its base model is not known; add ...", prepare=copied("adapter")),
    Case("adapter: broken settings of a run", "summarize 'A: a' --adapter m", "m/yoyak.yaml:1: unknown key 'x'; ...", prepare=copied("adapter", yoyak_yaml="x: 1")),
    Case("adapter: exported though cut off", "export --to adapter --adapter m -e TINY --out o", "...", prepare=cut("adapter", "adapter_model.safetensors", 500)),
    Case("adapter: of a long name", f"summarize 'A: a' --adapter {'m' * 300}", f"{'m' * 300}/yoyak.yaml: File name too long"),
]  # fmt: skip

RUN = '{"name": "a", "status": "completed"}'
RUNS = [
    Case("train: a bad row", "train -e TINY data.train=x.csv", f"x.csv:2: no summary{MEND}", files={"x.csv": HEAD + "a,\n"}),
    Case("train: no evaluation file", "train -e TINY data.eval=x.csv", "x.csv: no such file..."),
    Case("train: a folder with something else", "train -e TINY experiment.name=o", "outputs/o: is there already and holds no run; ...", files={"outputs/o/x": "x"}),
    Case("train: outputs that are a file", "train -e TINY experiment.output_dir=o", "...", files={"o": ""}),
    Case("train: a checkpoint cut off", "train -e TINY model.checkpoint=m", "model.checkpoint = m: can't be loaded: ...", prepare=cut("base", "model.safetensors", 5000)),
    Case("augment: a bad row", "data augment x.csv --rename-speakers 1 --out y.csv", f"x.csv:3: no summary{MEND}", files={"x.csv": HEAD + "a,b\nc,\n"}),
    Case("augment: into a folder", "data augment x.csv --rename-speakers 1 --out .", "--out .: name a file that ends in ...", files={"x.csv": HEAD + "a,b\n"}),
    Case("split: one row", "data split x.csv --out o", "1 rows at an eval share of 0.1 leave none for evaluation; ...", files={"x.csv": HEAD + "a,b\n"}),
    Case("compare: no run", "compare m n", "m: ..."),
    Case("compare: run.json is no JSON", "compare m n", "m/run.json: broken: Invalid JSON: EOF ...", files={"m/run.json": "{", "n/run.json": RUN}),
    Case("compare: run.json is deep", "compare m n", "m/run.json: broken: Invalid JSON: recursion ...", files={"m/run.json": "[" * 100_000, "n/run.json": RUN}),
    Case("compare: run.json of other types", "compare m n", "...", files={"m/run.json": '{"name": 5, "status": [], "scores": 5, "config": []}', "n/run.json": RUN}),
    Case("summarize: an empty file", "summarize x.txt -e TINY", "x.txt: the dialogue is empty", files={"x.txt": " \n"}),
    Case("summarize: UTF-16", "summarize x.txt -e TINY", "x.txt: UTF-16 text; save the file as UTF-8", files={"x.txt": "A: a".encode("utf-16")}),
    Case("summarize: zero bytes", "summarize x.txt -e TINY", "x.txt: NUL characters; save the file as UTF-8 text", files={"x.txt": b"\0" * 5000}),
    Case("summarize: a bad row", "summarize x.csv -e TINY --out y.csv", f"x.csv:2: no dialogue{MEND}", files={"x.csv": "dialogue,id\n,a\n"}),
    Case("summarize: kept rows of another file", "summarize x.csv -e TINY --out y.csv", "y.csv: is there already, without y.csv.settings.json; ...", files={"x.csv": "dialogue\na\n", "y.csv": "\0"}),
    Case("summarize: settings of kept rows are a list", "summarize x.csv -e TINY --out y.csv", "y.csv.settings.json: cannot be read (...", files={"x.csv": "dialogue\na\n", "y.csv": "\0", "y.csv.settings.json": "[1]"}),
]  # fmt: skip


def post(name: str, path: str, body: bytes, status: int, line: str) -> Case:
    """Return the case of a request's body."""
    return Case(f"server: {name}", f"POST /v1/{path}", line, status, body=body)


BODIES = [
    post("no body", "summaries", b"", 400, "the body is not JSON: ..."),
    post("no JSON", "summaries", b"dialogue=a", 400, "the body is not JSON: ..."),
    post("broken UTF-8", "summaries", b'{"dialogue": "\xff"}', 400, "the body is not JSON: ..."),
    post("deep lists", "chat/completions", b"[" * 50_000, 400, "the body is not JSON: ..."),
    post("a list", "summaries", b"[]", 422, "input should be an object"),
    post("neither one nor several", "summaries", b"{}", 422, "send either dialogue (a text) or dialogues (a list of texts)"),
    post("an empty dialogue", "summaries", b'{"dialogue": " "}', 422, "dialogue: the dialogue is empty"),
    post("half of a pair", "summaries", b'{"dialogue": "\\ud800"}', 400, "the body is not JSON: ..."),
    post("an unknown field", "summaries", b'{"dialogeu": "a"}', 422, "dialogeu: unknown field; did you mean 'dialogue'?"),
    post("a long unknown field", "summaries", b'{"' + b"k" * 90_000 + b'": 1}', 422, "kkkkkkkkkkkkkkkkkkkkk..."),
    post("no number", "summaries", b'{"dialogue": "a", "temperature": NaN}', 422, "temperature: input should be a finite number"),
    post("too many tokens", "summaries", b'{"dialogue": "a", "max_tokens": 9999}', 422, "max_tokens: 9999 is more than this model's limit of 16"),
    post("another model", "summaries", b'{"dialogue": "a", "model": "x"}', 404, "no such model here; this server has tiny"),
    post("no messages", "chat/completions", b'{"messages": []}', 422, "messages: list should have at least 1 item after validation, not 0"),
    post("a role that is a list", "chat/completions", b'{"messages": [{"role": []}]}', 422, "messages[0].role: ..."),
    post("tools", "chat/completions", b'{"messages": [{"role": "user", "content": "a"}], "tools": [1]}', 422, "tools: this server does not carry it out; leave it out"),
    post("two answers", "chat/completions", b'{"messages": [{"role": "user", "content": "a"}], "n": 2}', 422, "n: this server does not carry it out; leave it out"),
    post("too large", "summaries", b" " * ((1 << 20) + 1), 413, "the body is larger than 1048576 bytes"),
    post("a dialogue too long to read", "summaries", b'{"dialogue": "' + b"a" * 500_000 + b'"}', 422, "dialogue: the dialogue has 500000 characters, this server takes ..."),
]  # fmt: skip
