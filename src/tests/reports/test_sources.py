"""Where a summary's facts come from, by the turn, and how they are marked."""

from src.reports.sources import SourcedFact, dialogue_box, find_sources, marked
from src.tests.reports.page import Page

DIALOGUE = "Anna: Lunch at 7?\n\nBen: Call Carla.\n3:30 works for me.\nCarla：Fine, 7."


def test_each_fact_has_the_turns_that_hold_it_and_whether_the_dialogue_does() -> None:
    (found,) = find_sources(["They meet Carla at 7, not at 9."], [DIALOGUE])
    assert sorted(found, key=lambda fact: fact.text) == [
        SourcedFact("7", (0, 3), held=True),
        SourcedFact("9", (), held=False),
        SourcedFact("Carla", (1,), held=True),
    ]


def test_facts_belong_to_their_own_dialogue() -> None:
    first, second = find_sources(["At 7.", "At 8."], ["A: 8.\nB: 7.", "A: 8.\nB: 7."])
    assert first == [SourcedFact("7", (1,), held=True)]
    assert second == [SourcedFact("8", (0,), held=True)]


def test_speakers_without_a_name_and_one_are_left_out() -> None:
    """Every turn would hold them; twice the same fact is one."""
    (found,) = find_sources(["#Person1# buys one tea and 2 cakes, 2 cakes."], ["#Person1#: One tea, two cakes."])
    assert [fact.text for fact in found] == ["2"]


def test_one_person_and_today_are_left_out() -> None:
    (found,) = find_sources(["One person buys 2 cakes today."], ["Anna: Two cakes, please."])
    assert [fact.text for fact in found] == ["2"]


def test_facts_are_marked_the_longer_ones_first_and_no_text_is_lost() -> None:
    facts = [SourcedFact("10", (0,), held=True), SourcedFact("10:30", (), held=False)]
    assert marked("At 10:30 or 10 <sharp>.", facts) == (
        'At <mark class="unheld" title="not in the dialogue" data-ko-title="대화에 없음">10:30</mark> or '
        "<mark>10</mark> &lt;sharp&gt;."
    )
    assert marked("A10 and 10", facts) == "A10 and <mark>10</mark>"  # not inside a word
    assert marked("plain", []) == "plain"


def test_a_turn_names_what_was_taken_from_it() -> None:
    facts = [SourcedFact("7", (0, 3), held=True), SourcedFact("Carla", (1,), held=True)]
    page = Page(dialogue_box(DIALOGUE, facts, "Dialogue 1", "en"))
    assert page.texts("p") == [
        "Anna: Lunch at 7? → 7",
        "Ben: Call Carla. → Carla",
        "3:30 works for me.",
        "Carla: Fine, 7. → 7",
    ]
    assert page.texts("p", "source") == [page.texts("p")[place] for place in (0, 1, 3)]
    assert page.texts("b") == ["Anna: ", "Ben: ", "Carla: "]
    box = page.all("div", "dialogue")[0].attributes
    assert (box["aria-label"], box["lang"], box["translate"], box["tabindex"]) == ("Dialogue 1", "en", "no", "0")
