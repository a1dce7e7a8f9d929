"""Runs, tables and texts that a command cannot go on from, and bodies of requests."""

from src.tests.bad_inputs.case import HEAD, MEND, Case, cut

INSTRUCTIONS = (
    '{"messages": [{"role": "user", "content": "Please summarize the following dialogue:\\nA: a"}, '
    '{"role": "assistant", "content": "b"}]}\n'
)
RUN = '{"name": "a", "status": "completed"}'
RUNS = [
    Case(
        "train: a bad row",
        "train -e TINY data.train=x.csv",
        f"x.csv:2: no summary{MEND}",
        files={"x.csv": HEAD + "a,\n"},
    ),
    Case(
        "train: instructions for other trainers",
        "train -e TINY data.train=x.jsonl",
        "x.jsonl: its dialogues begin with an instruction ('Please summarize the following dialogue:'), as rows of ...",
        files={"x.jsonl": INSTRUCTIONS},
    ),
    Case(
        "train: GPUs that are not there",
        "train -e TINY --gpus 2",
        "--gpus 2: torch sees no GPU here; leave it out, or use the processor with --processes N",
    ),
    Case(
        "train: GPUs and processes of the CPU",
        "train -e TINY --gpus 2 --processes 2",
        "--gpus starts a process on each GPU and --processes some on the CPU; leave one out",
    ),
    Case(
        "train: weights that nobody shares",
        "train -e TINY lora.use_qlora=true training.sharding=weights",
        "training.sharding = weights: there is one process, and nobody to share with; start several with --gpus all, "
        "or set it to auto",
    ),
    *(
        Case(
            f"train: weights cut with {settings}",
            f"train -e TINY --processes 2 lora.use_qlora=true training.sharding=weights {settings}",
            f"training.sharding = weights: {said}; ...",
        )
        for settings, said in (
            ("evaluation.generate=true", "no summaries are generated from weights that are cut"),
            ("training.metric_for_best_model=rouge_sum", "no summaries are generated from weights that are cut"),
            ("lora.use_qlora=false", "16-bit weights under an adapter are not cut"),
            ("model.dtype=fp16", "fp16 needs a gradient scaler, which knows one card's part only"),
            ("training.engine=trainer", "4-bit weights are cut in the packed engine"),
            ("lora.use_dora=true", "4-bit weights are cut in the packed engine, which knows neither DoRA nor NEFTune"),
            ("lora.cache_dequantized=on", "lora.cache_dequantized = on holds whole weights"),
            (
                "lora.use_lora=false lora.use_qlora=false training.engine=packed",
                "where all weights train they are cut in the trainer engine",
            ),
        )
    ),
    Case("train: no evaluation file", "train -e TINY data.eval=x.csv", "x.csv: no such file..."),
    Case(
        "train: a folder with something else",
        "train -e TINY experiment.name=o",
        "outputs/o: is there already and holds no run; ...",
        files={"outputs/o/x": "x"},
    ),
    *(
        Case(
            f"train: {setting} is refused before the earlier run is touched",
            f"train -e TINY {setting} --overwrite",
            "command line: ...",
            files={"outputs/tiny/run.json": RUN, "outputs/tiny/metrics.jsonl": "{}"},
        )
        for setting in (
            "training.seed=4294967296",
            "lora.r=100000000",
            "tokenizer.decoder_max_len=99999999999",
        )
    ),
    Case("train: outputs that are a file", "train -e TINY experiment.output_dir=o", "...", files={"o": ""}),
    Case(
        "train: a checkpoint cut off",
        "train -e TINY model.checkpoint=m",
        "model.checkpoint = m: can't be loaded: ...",
        prepare=cut("base", "model.safetensors", 5000),
    ),
    Case(
        "augment: a bad row",
        "data augment x.csv --rename-speakers 1 --out y.csv",
        f"x.csv:3: no summary{MEND}",
        files={"x.csv": HEAD + "a,b\nc,\n"},
    ),
    Case(
        "augment: into a folder",
        "data augment x.csv --rename-speakers 1 --out .",
        "--out .: name a file that ends in ...",
        files={"x.csv": HEAD + "a,b\n"},
    ),
    Case(
        "split: one row",
        "data split x.csv --out o",
        "1 row at an eval share of 0.1: none is left for evaluation; ...",
        files={"x.csv": HEAD + "a,b\n"},
    ),
    Case("compare: no run", "compare m n", "m: ..."),
    Case(
        "compare: run.json is no JSON",
        "compare m n",
        "m/run.json: broken: Invalid JSON: EOF ...",
        files={"m/run.json": "{", "n/run.json": RUN},
    ),
    Case(
        "compare: run.json is deep",
        "compare m n",
        "m/run.json: broken: Invalid JSON: recursion ...",
        files={"m/run.json": "[" * 100_000, "n/run.json": RUN},
    ),
    Case(
        "compare: run.json of other types",
        "compare m n",
        "...",
        files={"m/run.json": '{"name": 5, "status": [], "scores": 5, "config": []}', "n/run.json": RUN},
    ),
    Case("summarize: an empty file", "summarize x.txt -e TINY", "x.txt: the dialogue is empty", files={"x.txt": " \n"}),
    Case(
        "summarize: UTF-16",
        "summarize x.txt -e TINY",
        "x.txt: UTF-16 text; save the file as UTF-8, or say data.encoding=utf-16",
        files={"x.txt": "A: a".encode("utf-16")},
    ),
    *(
        Case(f"summarize: no such path: {name}", f"summarize '{name}' -e TINY", line)
        for name, line in (
            ("missing.jsonl", "missing.jsonl: no such file; a dialogue has speakers, such as 'A: hello'"),
            ("my calls.csv", "my calls.csv: no such file; a dialogue has speakers, such as 'A: hello'"),
            ("nofolder/", "nofolder/: no such file; ..."),
            ("call.docx", "call.docx: no such file; ..."),
            ("sample:en/none.csv", "sample:en/none.csv: no such sample; ..."),
            ("https://example.org/calls.csv", "https://example.org/calls.csv: an address; download the file and ..."),
        )
    ),
    Case(
        "summarize: a document",
        "summarize call.docx -e TINY",
        "call.docx: cannot read .docx files; save it as .txt",
        files={"call.docx": b"PK\3\4"},
    ),
    Case(
        "summarize: Windows-1252",
        "summarize call.txt -e TINY",
        "call.txt:1: not UTF-8, and no Korean in CP949, but perhaps Windows-1252 (curly quotes, accents); save ...",
        files={"call.txt": "A: can’t".encode("cp1252")},
    ),
    Case(
        "summarize: zero bytes",
        "summarize x.txt -e TINY",
        "x.txt: NUL characters; save the file as UTF-8 text",
        files={"x.txt": b"\0" * 5000},
    ),
    Case(
        "summarize: a bad row",
        "summarize x.csv -e TINY --out y.csv",
        f"x.csv:2: no dialogue{MEND}",
        files={"x.csv": "dialogue,id\n,a\n"},
    ),
    Case(
        "summarize: kept rows of another file",
        "summarize x.csv -e TINY --out y.csv",
        "y.csv: is there already, without y.csv.settings.json; ...",
        files={"x.csv": "dialogue\na\n", "y.csv": "\0"},
    ),
    Case(
        "summarize: a full disk",
        "summarize 'A: a' -e TINY --out /dev/full",
        "--out /dev/full: cannot be written (No space left on device); the summary was printed instead",
    ),
    Case(
        "summarize: a file for a folder",
        "summarize 'A: a' -e TINY --out x/y/z.txt",
        "--out x/y/z.txt: cannot be written (Not a directory); the summary was printed instead",
        files={"x": ""},
    ),
    Case(
        "compare: a file for a folder",
        "compare m n --out x/y.html",
        "...",
        files={"m/run.json": RUN, "n/run.json": RUN, "x": ""},
    ),
    Case(
        "summarize: settings of kept rows are a list",
        "summarize x.csv -e TINY --out y.csv",
        "y.csv.settings.json: cannot be read (...",
        files={"x.csv": "dialogue\na\n", "y.csv": "\0", "y.csv.settings.json": "[1]"},
    ),
]


def post(name: str, path: str, body: bytes, status: int, line: str) -> Case:
    """Return the case of a request's body."""
    return Case(f"server: {name}", f"POST /v1/{path}", line, status, body=body)


BODIES = [
    post("no body", "summaries", b"", 400, "the body is not JSON: ..."),
    post("no JSON", "summaries", b"dialogue=a", 400, "the body is not JSON: ..."),
    post("broken UTF-8", "summaries", b'{"dialogue": "\xff"}', 400, "the body is not JSON: ..."),
    post("deep lists", "chat/completions", b"[" * 50_000, 400, "the body is not JSON: ..."),
    post("a list", "summaries", b"[]", 422, "input should be an object"),
    post(
        "neither one nor several",
        "summaries",
        b"{}",
        422,
        "send either dialogue (a text or a list of turns) or dialogues (a list of these)",
    ),
    post("an empty dialogue", "summaries", b'{"dialogue": " "}', 422, "dialogue: the dialogue is empty"),
    post("no turns", "summaries", b'{"dialogue": []}', 422, "dialogue: the dialogue is empty"),
    *(
        post(f"turns: {name}", "summaries", b'{"dialogues": ["A: a", ' + turns + b"]}", 422, f"dialogues[1]: {line}...")
        for name, turns, line in (
            ("a number", b"[1]", "a list with a int in it; send a text or a list of turns"),
            ("no text", b'[{"speaker": "A", "said": "a"}]', "a list of objects without a usual key for a turn's text"),
            ("a picture", b'[{"type": "image_url"}]', "a part of type 'image_url'"),
            ("a number for a text", b'[{"speaker": "A", "text": 4}]', "a list of objects without a usual key"),
            ("an object", b'{"speaker": "A"}', "input should be a valid string"),
        )
    ),
    post("half of a pair", "summaries", b'{"dialogue": "\\ud800"}', 400, "the body is not JSON: ..."),
    post(
        "an unknown field", "summaries", b'{"dialogeu": "a"}', 422, "dialogeu: unknown field; did you mean 'dialogue'?"
    ),
    post("a long unknown field", "summaries", b'{"' + b"k" * 90_000 + b'": 1}', 422, "kkkkkkkkkkkkkkkkkkkkk..."),
    post(
        "no number",
        "summaries",
        b'{"dialogue": "a", "temperature": NaN}',
        422,
        "temperature: input should be a finite number",
    ),
    post(
        "too many tokens",
        "summaries",
        b'{"dialogue": "a", "max_tokens": 9999}',
        422,
        "max_tokens: 9999 is more than this model's limit of 16",
    ),
    post(
        "another model",
        "summaries",
        b'{"dialogue": "a", "model": "x"}',
        404,
        "no such model here; this server has tiny",
    ),
    post(
        "no messages",
        "chat/completions",
        b'{"messages": []}',
        422,
        "messages: list should have at least 1 item after validation, not 0",
    ),
    post("a role that is a list", "chat/completions", b'{"messages": [{"role": []}]}', 422, "messages[0].role: ..."),
    post(
        "tools",
        "chat/completions",
        b'{"messages": [{"role": "user", "content": "a"}], "tools": [1]}',
        422,
        "tools: this server does not carry it out; leave it out",
    ),
    post(
        "two answers",
        "chat/completions",
        b'{"messages": [{"role": "user", "content": "a"}], "n": 2}',
        422,
        "n: this server does not carry it out; leave it out",
    ),
    post("too large", "summaries", b" " * ((1 << 20) + 1), 413, "the body is larger than 1048576 bytes"),
    post(
        "a dialogue too long to read",
        "summaries",
        b'{"dialogue": "' + b"a" * 500_000 + b'"}',
        422,
        "dialogue: the dialogue has 500000 characters, this server takes ...",
    ),
]
