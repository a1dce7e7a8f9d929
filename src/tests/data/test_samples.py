"""The sample dialogues: sizes, columns, and that they are as different from each other as real data are."""

import csv
import re
from collections import Counter
from itertools import combinations

import pytest

from src.resources import sample_dir
from src.tests.data.rows import sample_rows
from src.tests.real_tokenizers import smollm2_tokenizer

COLUMNS = ["fname", "dialogue", "summary", "topic"]
SIZES = {"en": {"train": 80, "dev": 20, "long": 5}, "ko": {"train": 80, "dev": 20, "long": 5, "chat": 20}}
FILES = [(language, name) for language, sizes in SIZES.items() for name in sizes]
every_language = pytest.mark.parametrize("language", ["en", "ko"])
every_file = pytest.mark.parametrize(("language", "name"), FILES)
every_short_file = pytest.mark.parametrize(("language", "name"), [file for file in FILES if file[1] != "long"])


def all_rows(language):
    return [row for name in SIZES[language] for row in sample_rows(language, name)]


def grams(text, size):
    words = text.split()
    return {tuple(words[start : start + size]) for start in range(len(words) - size + 1)}


def turns(row):
    return row["dialogue"].split("\n")


@every_file
def test_sizes_and_columns(language, name):
    with (sample_dir() / language / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == COLUMNS
    assert len(rows) == SIZES[language][name]
    assert all(len(row) == 4 and all(cell and cell == cell.strip() for cell in row) for row in rows)
    assert [row[0] for row in rows] == [f"sample_{language}_{name}_{number}" for number in range(len(rows))]


@every_file
def test_every_line_is_a_speakers_turn(language, name):
    for row in sample_rows(language, name):
        speakers = {turn.partition(": ")[0] for turn in turns(row)}
        assert all(": " in turn for turn in turns(row)), row["fname"]
        assert 2 <= len(speakers) <= 8, row["fname"]
        assert max(map(len, speakers)) <= 20, row["fname"]


@every_short_file
def test_turns(language, name):
    assert all(6 <= len(turns(row)) <= 16 for row in sample_rows(language, name))


@every_short_file
def test_lengths(language, name):
    """In characters; the small model's English vocabulary cuts Hangul into bytes."""
    if language == "ko":
        assert all(250 <= len(row["dialogue"]) <= 450 for row in sample_rows("ko", name))
        return
    tokenizer = smollm2_tokenizer()
    assert all(120 <= len(tokenizer(row["dialogue"]).input_ids) <= 250 for row in sample_rows("en", name))


def test_messages_are_written_as_people_write_them():
    """All have ㅋㅋ, ㅎㅎ, ㅠ or a letter for a word (ㅇㅇ, ㄱㄱ); their summaries have none of these."""
    letters = re.compile("[ㄱ-ㅎㅏ-ㅣ]")
    chats = sample_rows("ko", "chat")
    assert [row["fname"] for row in chats if not letters.search(row["dialogue"])] == []
    assert [row["fname"] for row in all_rows("ko") if letters.search(row["summary"])] == []
    counts = [sum(form in row["dialogue"] for row in chats) for form in ("ㅋㅋ", "ㅠ", "ㅇㅋ", "낼 ", "욜")]
    assert all(count >= least for count, least in zip(counts, (15, 15, 5, 3, 4), strict=True)), counts


@every_language
def test_long_dialogues_do_not_fit_into_1024_tokens(language):
    tokenizer = smollm2_tokenizer()
    assert all(len(tokenizer(row["dialogue"]).input_ids) > 1024 for row in sample_rows(language, "long"))


@every_short_file
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
def test_dev_shares_no_phrase_with_the_others(language, column, size):
    others = [row for name in SIZES[language] if name != "dev" for row in sample_rows(language, name)]
    trained = {gram for row in others for gram in grams(row[column], size)}
    shared = {row["fname"]: grams(row[column], size) & trained for row in sample_rows(language, "dev")}
    assert {name: phrases for name, phrases in shared.items() if phrases} == {}


@every_file
def test_openings_of_summaries_differ(language, name):
    """No three words begin more than a tenth of the summaries; those of the few long dialogues all differ."""
    openings = Counter(" ".join(row["summary"].split()[:3]) for row in sample_rows(language, name))
    assert openings.most_common(1)[0][1] <= {"train": 8, "dev": 2, "chat": 2, "long": 1}[name]


@every_file
def test_languages(language, name):
    if language == "en":
        assert not any("가" <= letter <= "힣" for row in sample_rows("en", name) for letter in "".join(row.values()))
        return
    for row in sample_rows("ko", name):
        assert len(re.findall("[가-힣ㄱ-ㅣ]", row["dialogue"])) > 0.35 * len(row["dialogue"]), row["fname"]
        assert sum("가" <= letter <= "힣" for letter in row["summary"]) > 0.4 * len(row["summary"]), row["fname"]
