"""Data files that are wrong, of each format."""

import json
import os

import pyarrow as pa

from src.tests.bad_inputs.case import GOOD, HEAD, MEND, OWN_COLUMNS, Case, Content, damaged, parquet


def data(name: str, suffix: str, content: Content, line: str) -> Case:
    """Return the case of a data file x.SUFFIX."""
    return Case(f"{suffix}: {name}", f"data split x.{suffix} --out out", line, files={f"x.{suffix}": content})


TABLES = [
    data("empty", "csv", "", "x.csv: the file is empty"),
    data("zero bytes", "csv", b"\0" * 5000, "x.csv:1: NUL characters in the header; save the file as UTF-8 text"),
    data(
        "zeros",
        "csv",
        "0,0,0\n" * 5000,
        f"x.csv: no column 'dialogue' and 'summary'; its columns are 0, 0, 0; {OWN_COLUMNS}",
    ),
    data("zero bytes in a row", "csv", HEAD + "a\0,b\n", f"x.csv:2: NUL character: in column 'dialogue'{MEND}"),
    data("only a header", "csv", HEAD, "x.csv: a header but no rows"),
    data("only blank lines", "csv", "\n\r\n\n", "x.csv: the file is empty"),
    data(
        "semicolons",
        "csv",
        "dialogue;summary\na;b\n",
        "x.csv: one column, with ';' in its name; separate by commas ...",
    ),
    data(
        "an open quote", "csv", HEAD + '"a,b\n' * 9, "x.csv:2: broken quoting: text after a closing quote in line 3 ..."
    ),
    data(
        "an open quote at the end",
        "csv",
        HEAD + 'a,"b\n',
        "x.csv:2: broken quoting: a quote is opened and not closed ...",
    ),
    data("too many fields", "csv", HEAD + "a,b,c\n", f"x.csv:2: wrong number of fields: 3 instead of 2{MEND}"),
    data("no summary", "csv", HEAD + "a,\n", f"x.csv:2: no summary{MEND}"),
    data(
        "an id twice",
        "csv",
        "fname," + HEAD + "1,a,b\n1,c,d\n",
        f"x.csv:3: repeated id: '1' is that of line 2 too{MEND}",
    ),
    data(
        "a column twice", "csv", "dialogue," + HEAD + "a,b,c\n", "x.csv: the column 'dialogue' occurs twice; rename one"
    ),
    data("UTF-16", "csv", (HEAD + "a,b\n").encode("utf-16"), "x.csv: UTF-16 text; save ..."),
    Case("csv: a name that no disk has", f"data split {'9' * 400}.csv --out out", f"{'9' * 400}.csv: no such file"),
    data(
        "no encoding",
        "csv",
        f"{HEAD}민수: 내일 저녁에 봐,b\n".encode("cp949") + b"\xff\xff,b\n",
        "x.csv: cannot be decoded: utf-8 fails at byte 17 (line 2), cp949 fails at byte 40 (line 3); ...",
    ),
    data(
        "Windows-1252",
        "csv",
        f"{HEAD}A: Let’s go to the café.,b\n".encode("cp1252"),
        "x.csv:2: not UTF-8, and no Korean in CP949, but perhaps Windows-1252 (curly quotes, accents); save ...",
    ),
    data(
        "a mark of UTF-8 before CP949",
        "csv",
        b"\xef\xbb\xbf" + f"{HEAD}가,b\n".encode("cp949"),
        "x.csv: cannot be decoded: utf-8 fails at byte 20 (line 2); save the file as UTF-8, ...",
    ),
    data(
        "5,000 columns",
        "csv",
        ",".join(map(str, range(5000))),
        "x.csv: 5,000 columns, 4,096 at most; leave out those ...",
    ),
    data(
        "escapes in a column",
        "csv",
        "\x1b]0;x\x07,b\n1,2\n",
        "x.csv: no column 'dialogue' and 'summary'; its columns are \\x1b]0;x\\x07, b; ...",
    ),
    data(
        "a spreadsheet",
        "xlsx",
        b"PK\3\4",
        "x.xlsx: cannot read '.xlsx' files, only .csv .tsv .json .jsonl .parquet; save ...",
    ),
    data(
        "commas",
        "tsv",
        HEAD + "a,b\n",
        "x.tsv: one column, with ',' in its name; separate by commas (.csv) or tabs (.tsv)",
    ),
    data(
        "an open quote",
        "tsv",
        'dialogue\tsummary\n"a\tb\n',
        "x.tsv:2: broken quoting: a quote is opened and not closed ...",
    ),
    data("only zero bytes", "tsv", b"\0", "x.tsv:1: NUL characters in the header; save the file as UTF-8 text"),
    Case(
        "csv: a format of chats that there is not",
        "data check x.csv data.dialogue_format=kakao",
        'command line: data.dialogue_format = "kakao": must be one of auto, turns, kakaotalk, ...',
        files={"x.csv": HEAD + "A: hi,b\n"},
    ),
    Case(
        "csv: no message of the format that is named",
        "data split x.csv --out out data.dialogue_format=kakaotalk",
        "x.csv: no message of KakaoTalk in it; leave out data.dialogue_format=kakaotalk",
        files={"x.csv": HEAD + "A: hi,b\n"},
    ),
    Case(
        "txt: no message of the format that is named",
        "summarize x.txt -e smollm2_135m data.dialogue_format=whatsapp",
        "no message of WhatsApp in it; leave out data.dialogue_format=whatsapp",
        files={"x.txt": "A: hi\nB: yo\n"},
    ),
    Case("vtt: empty", "data check x.vtt", "x.vtt: the dialogue is empty", files={"x.vtt": ""}),
    Case("csv: a folder", "data split . --out out", ".: a folder; name a file in it"),
    Case(
        "csv: a long name",
        f"data split {'a' * 300}.csv --out out",
        f"{'a' * 300}.csv: no such file",
    ),
    Case(
        "csv: no such sample",
        "data split sample:xx.csv --out out",
        "sample:xx.csv: no such sample; there are sample:en/dev.csv, ...",
    ),
]

JSON = [
    data("blank", "json", " \n", "x.json: the file is empty"),
    data("a number", "json", "3", "x.json: expected a list of objects, or an object with one list, not a single value"),
    data("a list of numbers", "json", "[1]", f"x.json:1: not an object: a JSON int{MEND}"),
    data("an open list", "json", '[{"a": 1}', "x.json:1: not valid JSON: Expecting ',' or ']' (column 10)"),
    data("deep lists", "json", "[" * 100_000, "x.json: not valid JSON: maximum recursion depth exceeded ..."),
    data("deep objects", "json", '{"a":' * 100_000, "x.json: not valid JSON: maximum recursion depth exceeded ..."),
    data("a number of 5,000 digits", "json", "[" + "1" * 5000 + "]", "x.json: not valid JSON: Exceeds the limit ..."),
    data(
        "no list",
        "json",
        "{}",
        "x.json: expected a list of objects, or an object with one list, not an object without a list",
    ),
    data(
        "a key that is no text",
        "json",
        "{1: []}",
        "x.json:1: not valid JSON: Expecting property name enclosed in double ...",
    ),
    data(
        "many lists",
        "json",
        json.dumps({f"l{n}": [] for n in range(999)}),
        "x.json: expected a list of objects, or an object with one list, not an object with the lists l0, l1, l2, ...",
    ),
    data("JSON Lines with a comma", "json", "{},\n{}", "x.json:1: not valid JSON: Extra data (column 3)"),
    data("a role that is a list", "jsonl", '{"messages": [{"role": []}]}', f"x.jsonl:1: no dialogue{MEND}"),
    data(
        "half of a pair",
        "jsonl",
        '{"dialogue": "\\ud800", "summary": "s"}',
        f"x.jsonl:1: broken character: a lone surrogate in column 'dialogue'{MEND}",
    ),
    data(
        "a key that is half of a pair",
        "jsonl",
        '{"\\ud800": 1}',
        f"x.jsonl: no column 'dialogue' and 'summary'; its columns are \\ud800; {OWN_COLUMNS}",
    ),
    data(
        "an object as dialogue",
        "jsonl",
        '{"dialogue": {}, "summary": "s"}',
        f"x.jsonl:1: not text: column 'dialogue' holds a dict{MEND}",
    ),
    data(
        "cut off",
        "jsonl",
        '{"dialogue": "a", "summ',
        f"x.jsonl:1: broken JSON: Unterminated string starting at, column 19{MEND}",
    ),
    data(
        "deep lists",
        "jsonl",
        "[" * 100_000,
        "x.jsonl:1: broken JSON: maximum recursion depth exceeded while decoding a JSON array ...",
    ),
    data("blank lines", "jsonl", "\n \n", "x.jsonl: no rows"),
]

LONG = pa.DictionaryArray.from_arrays(pa.array([0] * 4000, pa.int32()), ["x" * (8 << 20)])
PARQUET = [
    data(
        "text",
        "parquet",
        "dialogue,summary",
        "x.parquet: not a Parquet file (Parquet magic bytes not found in footer. ...",
    ),
    data("only its name", "parquet", b"PAR1PAR1", "x.parquet: not a Parquet file (..."),
    data(
        "zero bytes",
        "parquet",
        b"\0" * 5000,
        "x.parquet: not a Parquet file (Parquet magic bytes not found in footer. ...",
    ),
    data("a damaged page", "parquet", damaged(GOOD, 4, 40), "x.parquet: unreadable after row 0 (..."),
    data("a damaged footer", "parquet", damaged(GOOD, -60, -8), "x.parquet: cannot be read (..."),
    data(
        "cut off",
        "parquet",
        lambda: parquet(GOOD)()[:-20],
        "x.parquet: not a Parquet file (Parquet magic bytes not ...",
    ),
    data(
        "no rows",
        "parquet",
        parquet({"dialogue": pa.array([], pa.string()), "summary": pa.array([], pa.string())}),
        "x.parquet: a header but no rows",
    ),
    data(
        "bytes as dialogue",
        "parquet",
        parquet({"dialogue": [b"\xff"], "summary": ["s"]}),
        f"x.parquet: row 1: not text: column 'dialogue' holds a bytes{MEND}",
    ),
    data(
        "a day after the year 9999",
        "parquet",
        parquet({**GOOD, "day": pa.array([2**50], pa.timestamp("ms"))}),
        "x.parquet: unreadable after row 0 (...",
    ),
    data(
        "5,000 columns",
        "parquet",
        parquet({str(n): [1] for n in range(5000)}),
        "x.parquet: 5,000 columns, 4,096 at most; ...",
    ),
    data(
        "one text 40,000 times",
        "parquet",
        parquet({"dialogue": pa.repeat("x" * 2000, 40_000), "summary": pa.repeat("s", 40_000)}),
        "x.parquet: unpacks to more than 100 times its size after row ...",
    ),
    *(
        data(
            f"one text 4,000 times in a dictionary, {where}",
            "parquet",
            parquet({"dialogue": ["A: a"] * 4000, "summary": ["s"] * 4000, "x": column}, compression="zstd"),
            "x.parquet: unpacks to more than 100 times its size after row 0",
        )
        for where, column in (
            ("alone", LONG),
            ("in lists", pa.ListArray.from_arrays(pa.array(range(4001), pa.int32()), LONG)),
            ("in objects", pa.StructArray.from_arrays([LONG], ["a"])),
        )
    ),
    data(
        "a dialogue of 17 million characters",
        "parquet",
        parquet({"dialogue": ["x" * (17 << 20)], "summary": ["s"]}),
        f"x.parquet: row 1: row too long: more than 16,777,216 characters{MEND}",
    ),
]

PIPES = [
    Case(
        f"a named pipe that nobody writes: {command}",
        command,
        "x.csv: not a regular file",
        prepare=lambda _: os.mkfifo("x.csv"),
    )
    for command in (
        "data check x.csv",
        "data split x.csv --out out",
        "summarize x.csv -e TINY",
        "evaluate -e TINY data.eval=x.csv",
        "train -e TINY data.train=x.csv",
    )
]
"""Commands that wait for it would never end."""
