"""Rows of quoted text: good files as they are, broken quotes without a foreign row, every line accounted for."""

import csv
import io
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from src.config.schema import DataSettings
from src.data.files.quoting import QuotedRow, quoted_rows
from src.data.files.records import BadRow
from src.data.tools.check import check_file
from src.data.tools.check_tables import render
from src.tests.data.loading import load, refusal

CASES = Path(__file__).parent / "cases"
HEAD = "dialogue,summary\n"
WORDS = [
    "Yes, please.", "ok", 'he said "no"', "6'2\"", "1,000 won", "a,b", "네, 알겠습니다", "good", "x\ty", "", "well,",
    '"',    "I'll be there at ten", "the quick brown fox", "stop!", "see you", "그래요", "(laughs)", "50%",
]  # fmt: skip


def read(text: str, delimiter: str = ",") -> tuple[list[list[str]], list[tuple[int, int, str]]]:
    """Return the fields of rows (not the header's), and the first line, lines and fault of bad ones."""
    rows, bad = [], []
    for row in quoted_rows(lambda: io.StringIO(text, newline=""), delimiter):
        if isinstance(row, BadRow):
            bad.append((row.line, row.lines, row.detail))
        else:
            rows.append(row.fields)
    return rows[1:], bad


def written(rows: list[list[str]], delimiter: str, quoting: int, end: str) -> tuple[str, list[tuple[int, int]]]:
    """Return a file of rows, and the first and last line of each."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    places, line = [], 1
    for row in rows:
        writer.writerow(row)
        last = len(io.StringIO(buffer.getvalue()).readlines())
        places.append((line, last))
        line = last + 1
    return buffer.getvalue(), places


def dialogues(draw: random.Random, count: int) -> list[list[str]]:
    """Return a header and rows with dialogues of some turns, as people have them."""
    wide = draw.random() < 0.5
    rows = [["fname", "dialogue", "summary", "topic"] if wide else ["dialogue", "summary"]]
    for number in range(count):
        turns = [
            f"{draw.choice('AB')}: {' '.join(draw.choice(WORDS) for _ in range(draw.randint(1, 5)))}"
            for _ in range(draw.randint(1, 7))
        ]
        summary = f"Summary {number}" + draw.choice([".", ", well.", ' of "it".', " of 6'2\" men"])
        dialogue = "\n".join(turns)
        rows.append(
            [f"id_{number}", dialogue, summary, draw.choice(["", "x", "a, b"])] if wide else [dialogue, summary]
        )
    return rows


def check_good(seed: int) -> None:
    draw = random.Random(seed)
    rows = dialogues(draw, draw.randint(1, 6))
    delimiter, quoting = draw.choice(",\t"), draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    text, _ = written(rows, delimiter, quoting, draw.choice(["\n", "\r\n"]))
    assert read(text, delimiter) == (rows[1:], []), f"seed {seed}"


def check_mutated(seed: int) -> None:
    """A quote is put in or left out."""
    draw = random.Random(seed)
    rows = dialogues(draw, draw.randint(3, 8))
    delimiter, quoting = draw.choice(",\t"), draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    text, places = written(rows, delimiter, quoting, "\n")
    start = text.index("\n") + 1
    quotes = [at for at in range(start, len(text)) if text[at] == '"']
    if draw.random() < 0.5 and quotes:
        at = draw.choice(quotes)
        text = text[:at] + text[at + 1 :]
    else:
        at = draw.randint(start, len(text) - 1)
        text = text[:at] + '"' + text[at:]
    check_rows(text, delimiter, rows, places, seed)


def check_unquoted(seed: int) -> None:
    """One to three quotes are put at ends of fields that nobody quoted, as `"Wait, what?` and `he shouted stop"`."""
    draw = random.Random(seed)
    words = [word for word in WORDS if "\t" not in word and '"' not in word]
    rows = [["dialogue", "summary"]]
    for number in range(draw.randint(6, 12)):
        rows.append([f"A: {' '.join(draw.choices(words, k=4))} B: ok", f"Summary {number}."])
    lines = ["\t".join(row) for row in rows]
    for _ in range(draw.randint(1, 3)):
        number = draw.randrange(1, len(lines))
        cells = lines[number].split("\t")
        place = draw.randrange(2)
        cells[place] = draw.choice(['"{}', '{}"']).format(cells[place])
        lines[number] = "\t".join(cells)
    check_rows("\n".join(lines) + "\n", "\t", rows, [(n, n) for n in range(1, len(rows) + 1)], seed)


def check_rows(text: str, delimiter: str, rows: list[list[str]], places: list[tuple[int, int]], seed: int) -> None:
    """No row is found but those of the file, quotes apart, and each one that is lost is in the lines of a bad row."""
    kept, lost = set(), set()
    for row in quoted_rows(lambda: io.StringIO(text, newline=""), delimiter):
        if isinstance(row, BadRow):
            lost |= set(range(row.line, row.line + row.lines))
        elif len(row.fields) != len(rows[0]):  # a bad row, which the number of its fields shows
            lost |= set(range(row.line, row.last + 1))
        else:
            kept.add(tuple(cell.replace('"', "") for cell in row.fields))
    known = {tuple(cell.replace('"', "") for cell in row): place for row, place in zip(rows, places, strict=True)}
    assert kept <= known.keys(), f"seed {seed}: {kept - known.keys()}"
    for cells, (first, last) in known.items():
        assert cells in kept or lost & set(range(first, last + 1)), f"seed {seed}: lines {first} to {last} are lost"


@given(st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_good_files_give_no_false_alarm(seed):
    check_good(seed)


@given(st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_a_quote_too_many_or_too_few_loses_no_row_silently(seed):
    check_mutated(seed)


@given(st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_quotes_in_files_without_quoting_swallow_no_row(seed):
    check_unquoted(seed)


@pytest.mark.slow
def test_ten_thousand_files():
    for seed in range(10_000):
        check_good(seed)
        check_mutated(seed)
        check_unquoted(seed)


def test_two_stray_quotes_swallow_no_rows():
    table = load(str(CASES / "swallow.tsv"), on_bad_rows="drop")
    assert [(row.dialogue, row.summary) for row in table.rows] == [
        ("A: hello B: hi", "A greets B."),
        ("A: really B: sure", "They agree."),
        ('C: he shouted stop"', "C heard a shout."),
        ("E: fine F: good", "Both are fine."),
    ]
    fault = "a quote is opened and not closed in this line, and the lines behind it are rows"
    assert table.dropped == [BadRow(3, "broken quoting", fault)]
    assert refusal(str(CASES / "swallow.tsv")) == (
        f"FILE:3: broken quoting: {fault}; mend the rows or set data.on_bad_rows=drop"
    )


def test_the_lines_of_a_single_column():
    """Each of them looks like a row, so that nothing but its quotes tells."""
    text = 'dialogue\n"A: Hi there.\nB: Hello."\n"A: Bye.\nB: See you."\nA: One line.\n'
    rows = list(quoted_rows(lambda: io.StringIO(text, newline=""), ","))
    assert [row.fields for row in rows[1:]] == [["A: Hi there.\nB: Hello."], ["A: Bye.\nB: See you."], ["A: One line."]]
    open_to_the_end = text.replace('you."', "you.")
    kinds = [type(row) for row in quoted_rows(lambda: io.StringIO(open_to_the_end, newline=""), ",")]
    assert kinds == [QuotedRow, QuotedRow, BadRow, QuotedRow, QuotedRow]


def test_an_unclosed_quote_takes_its_own_row_only():
    table = load(str(CASES / "unclosed.tsv"), on_bad_rows="drop")
    assert [row.summary for row in table.rows] == [f"Summary {number}." for number in range(50) if number != 2]
    assert [(bad.line, bad.lines) for bad in table.dropped] == [(4, 1)]


def test_the_rest_of_a_broken_row_is_no_row():
    table = load(str(CASES / "inch.csv"), on_bad_rows="drop")
    assert [row.summary for row in table.rows] == [f"Summary {number}." for number in range(50) if number != 2]
    fault = "text after a closing quote in line 6 (quotes inside a quoted field are doubled); lines 6 to 7"
    assert table.dropped == [BadRow(6, "broken quoting", fault)]
    assert table.losses() == [(1, "broken quoting, 2 lines")]
    assert table.losses()[0][1].ko == "따옴표가 맞지 않음, 2줄"


GOOD = '"A: x\nB: y",S.\n'


@pytest.mark.parametrize(
    ("text", "rows", "bad"),
    [
        # The rest of a broken row that looks like rows.
        (f"""{GOOD}"A: he is 6'2" tall, yes\nB: ok, fine\nC: bye",S.\n{GOOD}""", 2, [(4, 3)]),
        (f'{GOOD}"A: he said "ok", then left\nB: fine, sure\nC: bye",S.\n{GOOD}', 2, [(4, 3)]),
        # A quote that is missing at the start: the lines before could be a row, and the row before broken.
        (f'{GOOD}A: hi, there\nB: yo",S.\n{GOOD}', 1, [(2, 4)]),
        # One too many at the end of a line: the row has too few fields, and the lines behind it are its rest.
        (f'{GOOD}"A: hi"\nB: a,b\nC: well,",S.\n{GOOD}{GOOD}', 2, [(4, 5)]),
        # One that is missing at the end: the next row opens with it, or a line of this one does.
        (f'{GOOD}"A: hi\nB: yo,S.\n{GOOD}{GOOD}', 2, [(4, 4)]),
        (f'{GOOD}"A: hi\n"hello", he said\nB: yo",S.\n{GOOD}', 2, [(4, 3)]),
        (f'{GOOD}"A: hi\nB: yo,S.\nA: one line,S.\n', 1, [(4, 3)]),
        # Quotes of a text that nobody quoted.
        ('A: say "no" now,S.\nA: 5" or 6",S.\nA: stop",S.\nA: "no",S.\n', 4, []),
        ("A: a quote at the very end,S.\n" + GOOD + 'A: b,he is 6\'2"\n', 1, [(3, 3)]),
        # Blank lines, and a row without a line end.
        (f'\n{GOOD}\r\n\n"A: z","S."', 2, []),
        ('"",""\n', 1, []),
    ],
)  # fmt: skip
def test_rows_and_lines_of_broken_ones(text, rows, bad):
    found, faults = read(HEAD + text)
    assert (len(found), [(line, lines) for line, lines, _ in faults]) == (rows, bad)


def test_rows_without_quotes_are_held_for_a_thousand_rows_only():
    taken: list[int] = []

    class Lines(io.StringIO):
        def readline(self, size: int | None = -1) -> str:
            taken.append(1)
            return super().readline(size)

    rows = quoted_rows(lambda: Lines(HEAD + "A: a,S.\n" * 5000, newline=""), ",")
    next(rows), next(rows)
    assert len(taken) == 1 + 1001


def test_a_quote_in_a_file_of_lines_longer_than_a_row_may_be(monkeypatch):
    monkeypatch.setattr("src.data.files.quoting.LONGEST_ROW_CHARS", 100)
    lines = [f"A: turn {number}\tS{number}.\n" for number in range(50)]
    lines[2] = '"' + lines[2]
    found, bad = read("dialogue\tsummary\n" + "".join(lines), "\t")
    assert (len(found), [(line, count) for line, count, _ in bad]) == (49, [(4, 1)])


def test_lines_behind_an_open_quote_that_is_too_long_are_no_rows(monkeypatch):
    monkeypatch.setattr("src.data.files.quoting.LONGEST_ROW_CHARS", 100)
    text = f'{HEAD}{GOOD}"A: x\n' + "B: yes, and no\n" * 20 + f"{GOOD}{GOOD}"
    found, bad = read(text)
    assert [cells[1] for cells in found] == ["S.", "S.", "S."]
    assert [(line, lines) for line, lines, _ in bad] == [(4, 21)]


def test_a_line_that_is_too_long_is_skipped_whole(monkeypatch):
    monkeypatch.setattr("src.data.files.quoting.LONGEST_ROW_CHARS", 20)
    found, bad = read(f"{HEAD}{'x' * 3_000_000},y\na,b\n")
    assert (found, [(line, lines) for line, lines, _ in bad]) == ([["a", "b"]], [(2, 1)])


def test_data_check_counts_the_lines_too():
    report = check_file(str(CASES / "inch.csv"), DataSettings())
    assert (report.rows, report.bad_rows["broken quoting"].count, report.bad_lines) == (49, 1, 2)
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(render(report))
    assert "bad rows                 1 (2 lines)" in console.export_text()
