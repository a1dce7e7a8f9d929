"""The page of a search."""

import copy

import pytest

from src.reports.search_page import render_search
from src.tests.reports.halves import Halves

RATE = "training.learning_rate"


def trial(number, state, score=None, measured=(), **settings):
    return {
        "number": number, "settings": {name.replace("__", "."): value for name, value in settings.items()},
        "state": state, "measured": {str(place): value for place, value in enumerate(measured)}, "score": score,
        "low": None if score is None else score - 4, "high": None if score is None else score + 4, "seconds": 61.0,
        "ended_after": 60.0 * (number + 1), "reason": None,
    }  # fmt: skip


RECORD = {
    "name": "r1", "status": "ended", "objective": "rouge_sum", "tokenization": "word", "stemmer": True,
    "dev": {"source": "dev.csv", "dialogues": 120}, "deadline_seconds": 1200.0, "spent_seconds": 1190.0,
    "pauses": [0.25, 0.5], "pauses_by_summaries": [False, True], "best": 2, "equal": [1, 2], "chosen": 1,
    "additions": [
        {
            "kind": "average", "label": "average_1_2", "score": 91.5, "low": 88.0, "high": 95.0, "seconds": 42.0,
            "gain": {"difference": 1.0, "low": -1.5, "high": 3.5}, "kept": True, "reason": None,
        },
        {
            "kind": "refine", "label": "refined_average_1_2", "score": None, "seconds": None, "kept": False,
            "reason": "would take 9 min, and 3 min were left", "reason_ko": "9분 걸리는데 3분 남아 있었습니다",
        },
    ],
    "importances": {RATE: 0.75, "lora.r": 0.25},
    "trials": [
        trial(0, "finished", 80.25, (-1.5, 70.0)),
        trial(1, "finished", 90.5, (-1.25, 85.5), training__learning_rate=1e-3, lora__r=8),
        trial(2, "finished", 91.0, (-1.125, 86.5), training__learning_rate=3e-3, lora__r=16),
        trial(3, "lost", None, (-2.0,), training__learning_rate=1e-4, lora__r=8),
        trial(4, "refused", training__learning_rate=2e-4, lora__r=16)
        | {"reason": "would take 3 min", "reason_ko": "3분 걸림"},
        trial(5, "refused", lora__r=16) | {"reason": "something else"},
        trial(6, "failed", lora__r=8) | {"reason": "it diverged", "reason_ko": "발산함"},
    ],
    "test": {
        "dialogues": 80, "score": 88.0, "low": 84.0, "high": 92.0, "as_it_is": 81.0,
        "gain": {"difference": 7.0, "low": 3.0, "high": 11.0},
    },
}  # fmt: skip


def test_what_the_page_says():
    page = render_search(RECORD, "lora:\n  r: 8\n")
    assert "Trial 1 won." in page
    assert "Its score can&#x27;t be told from those of 2, which cost more." in page
    assert "On 80 dialogues that nothing was chosen on its ROUGE sum is 88.0, +7.0 (+3.0 to +11.0)" in page
    assert "시도 1이 선택되었습니다." in page
    assert "시도 2와 점수를 구별할 수 없어" in page
    assert "ROUGE 합은 88.0점으로" in page
    assert "<td>1.250</td><td>85.50</td>" in page  # a loss at the first pause, a score at the second
    assert "would take 3 min" in page
    assert "<td>75%</td>" in page
    row = page[page.index("average_1_2</code>") :]
    assert row.index("91.50") < row.index("+1.0") < row.index("42.0 s") < row.index("kept")
    assert "would take 9 min, and 3 min were left" in page
    assert "9분 걸리는데 3분 남아 있었습니다" in page
    assert "3분 걸림" in page
    assert "발산함" in page
    assert '<q lang="en">something else</q>' in page
    assert "lora:\n  r: 8\n" in page
    # The best so far is a line over minutes, and each finished trial a mark.
    assert page.count('class="mark"') == 3
    assert "82.25" not in page


@pytest.mark.parametrize("without", [(), ("test",), ("importances",), ("additions",), ("test", "equal")])
def test_each_sentence_has_its_other_half(without):
    record = copy.deepcopy(RECORD)
    record |= {name: {"importances": {}, "test": None, "equal": [1], "additions": []}[name] for name in without}
    assert Halves(render_search(record, "x")).faults() == []


def test_what_is_trained_on_is_said():
    for part, which in (("dev", "dialogues that trials were chosen on"), ("test", "set-aside dialogues")):
        page = render_search(RECORD | {part: RECORD[part] | {"trained_on": 7}}, "x")
        assert f"7 of the {RECORD[part]['dialogues']} {which} are in the training data too" in page
        assert Halves(page).faults() == []
    page = render_search(RECORD | {"dev": RECORD["dev"] | {"trained_on": 0}, "test": None}, "x")
    assert "training data" not in page


def test_where_trials_of_other_machines_lie_is_said():
    other = {"place": "/data/found_search on gpu2", "trials": 1, "best": 7, "score": 91.257}
    page = render_search(RECORD | {"others": [other]}, "")
    assert "1 trial ended in /data/found_search on gpu2, where their weights are; the best is trial 7, 91.26." in page
    assert "/data/found_search on gpu2에서 시도 1개가 끝났고 가중치도 거기 있습니다." in page


def test_the_config_as_it_is_wins():
    record = RECORD | {"chosen": 0, "equal": [0], "test": None, "trials": RECORD["trials"][:1]}
    page = render_search(record | {"additions": []}, "x")
    assert "The config as it is won: nothing that was tried is better." in page
    assert "With what was added" not in page
    assert Halves(page).faults() == []
    page = render_search(record, "x")
    assert "The config as it is won: no other settings are better." in page
    assert "What was added made it better: mean of the weights." in page
    assert "여기에 더해 점수를 올린 것: 가중치 평균." in page
    assert page.index("With what was added to it") < page.index("91.50")
    assert Halves(page).faults() == []


def test_a_cheaper_trial_below_the_config_is_said_not_to_be_chosen():
    page = render_search(RECORD | {"equal": [4, 5, 1]}, "x")
    why = (
        "Those of 4, 5, which cost less, can&#x27;t be told from the best one either, but are below that of the config"
    )
    assert (why in page, "which cost more" in page) == (True, False)
    assert Halves(page).faults() == []
    both = render_search(RECORD | {"equal": [4, 1, 2]}, "x")
    assert (both.count("those of 2, which cost more"), both.count("Those of 4, which cost less")) == (1, 1)


def test_what_an_earlier_end_had_kept_is_said():
    earlier = {"label": "average_3_5", "trial": 3, "score": 75.0, "instead": 7}
    page = render_search(RECORD | {"earlier": earlier | {"stands": True}}, "x")
    assert "average_3_5</code>" in page
    assert "was kept at an earlier end of this search, and is better than what trial 7 came to." in page
    assert Halves(page).faults() == []
    why = {"stands": False, "reason": "what stands now scores 80.00", "reason_ko": "지금 결과는 80.00점입니다"}
    page = render_search(RECORD | {"earlier": earlier | why}, "x")
    assert (
        "(75.00) was kept at an earlier end of this search, and no longer counts: what stands now scores 80.00." in page
    )
    assert Halves(page).faults() == []


def test_lines_stand_where_the_values_are():
    """Of two trials the better is at the top of the score's axis; rates 30 apart go by their logarithm."""
    trials = [
        trial(1, "finished", 80.0, training__learning_rate=1e-4, lora__r=8),
        trial(2, "finished", 90.0, training__learning_rate=1e-2, lora__r=8),
        trial(3, "finished", 85.0, training__learning_rate=1e-3, lora__r=8),
    ]
    page = render_search(RECORD | {"trials": trials, "test": None}, "x")
    assert 'points="0.00,100.00 50.00,50.00 100.00,100.00"' in page
    assert 'points="0.00,0.00 50.00,50.00 100.00,0.00"' in page
    assert 'points="0.00,50.00 50.00,50.00 100.00,50.00"' in page
