"""The sample dialogues: sizes, columns, and that they are as different from each other as real data are."""

import csv
from collections import Counter
from itertools import combinations

import pytest

from src.resources import sample_dir
from src.tests.data.rows import sample_rows
from src.tests.real_tokenizers import smollm2_tokenizer

COLUMNS = ["fname", "dialogue", "summary", "topic"]
SIZES = {"train": 80, "dev": 20, "long": 5}
every_language = pytest.mark.parametrize("language", ["en", "ko"])
every_file = pytest.mark.parametrize("name", SIZES)


def all_rows(language):
    return [row for name in SIZES for row in sample_rows(language, name)]


def grams(text, size):
    words = text.split()
    return {tuple(words[start : start + size]) for start in range(len(words) - size + 1)}


def turns(row):
    return row["dialogue"].split("\n")


@every_language
@every_file
def test_sizes_and_columns(language, name):
    with (sample_dir() / language / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == COLUMNS
    assert len(rows) == SIZES[name]
    assert all(len(row) == 4 and all(cell and cell == cell.strip() for cell in row) for row in rows)
    assert [row[0] for row in rows] == [f"sample_{language}_{name}_{number}" for number in range(SIZES[name])]


@every_language
@every_file
def test_every_line_is_a_speakers_turn(language, name):
    for row in sample_rows(language, name):
        speakers = {turn.partition(": ")[0] for turn in turns(row)}
        assert all(": " in turn for turn in turns(row)), row["fname"]
        assert 2 <= len(speakers) <= 8, row["fname"]
        assert max(map(len, speakers)) <= 20, row["fname"]


@every_language
@pytest.mark.parametrize("name", ["train", "dev"])
def test_turns(language, name):
    assert all(6 <= len(turns(row)) <= 16 for row in sample_rows(language, name))


@pytest.mark.parametrize("name", ["train", "dev"])
def test_lengths(name):
    assert all(250 <= len(row["dialogue"]) <= 450 for row in sample_rows("ko", name))
    tokenizer = smollm2_tokenizer()
    assert all(120 <= len(tokenizer(row["dialogue"]).input_ids) <= 250 for row in sample_rows("en", name))


@every_language
def test_long_dialogues_do_not_fit_into_1024_tokens(language):
    tokenizer = smollm2_tokenizer()
    assert all(len(tokenizer(row["dialogue"]).input_ids) > 1024 for row in sample_rows(language, "long"))


@every_language
@pytest.mark.parametrize("name", ["train", "dev"])
def test_a_summary_is_shorter_than_half_its_dialogue(language, name):
    for row in sample_rows(language, name):
        assert 20 <= len(row["summary"]) <= len(row["dialogue"]) / 2, row["fname"]
        assert "\n" not in row["summary"], row["fname"]


@every_language
@pytest.mark.parametrize("column", COLUMNS)
def test_no_value_twice(language, column):
    if column == "topic":  # a topic may come again, hardly ever
        assert max(Counter(row["topic"] for row in all_rows(language)).values()) <= 2
        return
    values = Counter(row[column] for row in all_rows(language))
    assert [value for value, count in values.items() if count > 1] == []


@every_language
def test_no_two_dialogues_are_alike(language):
    """Of the different words of two dialogues, less than 30% are in both."""
    words = {row["fname"]: grams(row["dialogue"], 1) for row in all_rows(language)}
    alike = [(a, b) for a, b in combinations(words, 2) if len(words[a] & words[b]) >= 0.3 * len(words[a] | words[b])]
    assert alike == []


@every_language
@pytest.mark.parametrize(("column", "size"), [("dialogue", 5), ("summary", 4)])
def test_dev_shares_no_phrase_with_train(language, column, size):
    trained = {gram for row in sample_rows(language) for gram in grams(row[column], size)}
    shared = {row["fname"]: grams(row[column], size) & trained for row in sample_rows(language, "dev")}
    assert {name: phrases for name, phrases in shared.items() if phrases} == {}


@every_language
@pytest.mark.parametrize(("name", "most"), [("train", 8), ("dev", 2), ("long", 1)])
def test_openings_of_summaries_differ(language, name, most):
    """No three words begin more than a tenth of the summaries; those of the few long dialogues all differ."""
    openings = Counter(" ".join(row["summary"].split()[:3]) for row in sample_rows(language, name))
    assert openings.most_common(1)[0][1] <= most


@pytest.mark.parametrize("name", SIZES)
def test_languages(name):
    assert not any("가" <= letter <= "힣" for row in sample_rows("en", name) for letter in "".join(row.values()))
    for row in sample_rows("ko", name):
        hangul = sum("가" <= letter <= "힣" for letter in row["dialogue"])
        assert hangul > 0.35 * len(row["dialogue"]), row["fname"]
        assert sum("가" <= letter <= "힣" for letter in row["summary"]) > 0.4 * len(row["summary"]), row["fname"]
