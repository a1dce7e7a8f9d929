import pytest

from src.evaluation.checks import UnsupportedFact, check_texts

IDS = ["a", "b"]
REFERENCES = [["Anna waits."], ["Ben runs to Bonn."]]
DIALOGUES = ["Anna: I wait.\nTom: At 3.", "Ben: I run to Bonn."]


def test_checks_of_summaries_beside_those_of_references():
    checks = check_texts(IDS, ["Anna meets Zoe at 4.", ""], REFERENCES, dialogues=DIALOGUES, ended=[True, False])
    ours = checks.predictions
    assert ours.empty == checks.unended == ["b"]
    assert ours.facts.unsupported == [UnsupportedFact("a", "date", "4"), UnsupportedFact("a", "name", "Zoe")]
    assert ours.facts.found == {"number": 0, "date": 1, "name": 2}
    assert ours.length_ratio == pytest.approx(16 / 24)
    assert ours.coverage == pytest.approx((2 / 5 + 0) / 2)  # anna, at
    assert checks.references.facts.unsupported == []
    assert checks.references.length_ratio == 1
    assert checks.baseline is None
    assert checks.notes() == ["1 empty summary, such as b's.", "1 summary without an end token, such as b's."]


def test_baseline_is_checked_too():
    checks = check_texts(IDS, ["Anna.", "Ben."], REFERENCES, baseline=["Zoe.", "a b c a b c"], dialogues=DIALOGUES)
    assert [fact.text for fact in checks.baseline.facts.unsupported] == ["Zoe"]
    assert checks.baseline.repeated_trigrams == pytest.approx((0 + 1 / 4) / 2)


def test_without_dialogues_facts_and_copying_are_left_out_and_it_is_said():
    checks = check_texts(IDS, ["Anna.", "Ben."], REFERENCES)
    assert checks.predictions.facts is checks.predictions.coverage is checks.predictions.density is None
    assert checks.unended is None
    assert checks.notes() == ["Facts and copying are not checked: the dialogues are not given."]
    assert checks.as_dict()["facts"] is checks.as_dict()["unended"] is None


def test_facts_can_be_left_out():
    checks = check_texts(IDS, ["Zoe.", "Ben."], REFERENCES, dialogues=DIALOGUES, facts=False)
    assert checks.predictions.facts is None
    assert checks.predictions.coverage == 0.5


def test_several_references_are_checked_one_by_one():
    checks = check_texts(IDS, ["Anna.", "Ben."], [["Anna.", "Zoe."], ["Ben."]], dialogues=DIALOGUES)
    assert [fact.text for fact in checks.references.facts.unsupported] == ["Zoe"]
    assert checks.references.length_ratio == pytest.approx((5 + 4 + 4) / (4.5 + 4.5 + 4))


def test_json_counts_and_lists():
    found = check_texts(IDS, ["Anna meets Zoe on Monday.", ""], REFERENCES, dialogues=DIALOGUES).as_dict()
    assert found["facts"] == {
        "numbers": {"found": 0, "unsupported": 0},
        "dates": {"found": 1, "unsupported": 1},
        "names": {"found": 2, "unsupported": 1},
        "unsupported": [
            {"fname": "a", "kind": "date", "text": "Monday"},
            {"fname": "a", "kind": "name", "text": "Zoe"},
        ],
        "not_judged": 0,
    }
    assert found["empty"] == {"count": 1, "fnames": ["b"]}
    assert found["references"]["facts"]["names"]["found"] == 3


def test_a_summary_of_spaces_is_empty():
    checks = check_texts(IDS, [" \n", "x"], REFERENCES)
    assert checks.predictions.empty == ["a"]
    assert checks.as_dict()["empty"] == {"count": 1, "fnames": ["a"]}


def test_coverage_and_density_of_a_copied_clause():
    """`run to bonn` of five words is one piece: 3 of 5 words, 9 / 5; the other summary copies nothing."""
    ours = check_texts(IDS, ["x y", "Ben run to Bonn now"], REFERENCES, dialogues=DIALOGUES).predictions
    # ben, and i run to bonn: ben stands before the colon, so it is a piece of one word
    assert ours.coverage == pytest.approx((0 + 4 / 5) / 2)
    assert ours.density == pytest.approx((0 + (1 + 9) / 5) / 2)


def test_words_that_a_dialogue_has_in_lower_case_are_no_names():
    dialogues = ["Anna: The customers wait.", "Ben: Walkers run."]
    found = check_texts(IDS, ["Customers wait.", "Walkers run."], REFERENCES, dialogues=dialogues).predictions.facts
    assert found.found == {"number": 0, "date": 0, "name": 1}


def test_references_are_checked_against_their_own_dialogues():
    checks = check_texts(IDS, ["x", "y"], [["Anna.", "Tom."], ["Ben.", "Anna too."]], dialogues=DIALOGUES)
    assert [(fact.fname, fact.text) for fact in checks.references.facts.unsupported] == [("b", "Anna")]
    assert checks.unended is checks.looped is None
    assert check_texts(IDS, ["x", "y"], REFERENCES, ended=[True, True]).unended == []
    assert check_texts(IDS, ["x", "y"], REFERENCES, looped=[False, True]).looped == ["b"]


def test_english_needs_no_kiwi():
    import subprocess
    import sys
    from pathlib import Path

    code = (
        "import sys; from src.evaluation.checks import check_texts;"
        "check_texts(['a'], ['Tom, 3.'], [['x']], None, ['y']);"
        "print([m for m in ('kiwipiepy', 'torch', 'transformers', 'pandas', 'pydantic') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
