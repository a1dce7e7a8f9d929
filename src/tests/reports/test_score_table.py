from src.tests.reports.conftest import WriteRun, page_of, run_with


def test_score_table(write_run: WriteRun) -> None:
    page = page_of(write_run())
    rows = [element.text for element in page.all("tr")][:5]
    assert rows == [
        "F1 × 100BeforeAfterChange",
        "ROUGE-125.1039.30+14.20",
        "ROUGE-28.1015.24+7.14",
        "ROUGE-L20.0031.10+11.10",
        "ROUGE sum53.2085.64+32.44",
    ]
    assert "Scored with word tokenization, Porter stemmer, n = 20 dialogues." in page.texts("p", "note")


def test_evaluation_dialogues_that_were_trained_on_are_told_beside_the_scores(write_run: WriteRun) -> None:
    run = run_with()
    run["data"]["eval"] |= {"rows": 20, "trained_on": 0}
    assert not page_of(write_run(run=run)).texts("p", "warning")
    run["data"]["eval"]["trained_on"] = 7
    page = page_of(write_run(run=run))
    said = "7 of 20 evaluation dialogues are in the training data too, so that the scores are too good."
    assert page.texts("p", "warning") == [said]
    assert said in page.texts("li")
    assert "평가 대화 20개 가운데 7개가 학습 데이터에도 있어 점수가 실제보다 높게 나옵니다." in page.source


def test_the_temperatures_of_mbr_are_noted(write_run: WriteRun) -> None:
    run = run_with()
    assert not [note for note in page_of(write_run(run=run)).texts("p", "note") if "MBR" in note]
    for stage, temperature in (("zero_shot", 0.5), ("fine_tuned", 1.4)):
        run["scores"][stage]["mbr_temperature"] = temperature
    assert "Chosen by MBR among samples at temperature 0.5 (before training), 1.4 (after training)." in page_of(
        write_run(run=run)
    ).texts("p", "note")


def test_scores_of_another_version_of_the_analyser_give_no_change(write_run: WriteRun) -> None:
    run = run_with()
    for stage, version in (("zero_shot", "0.22.0"), ("fine_tuned", "0.24.1")):
        run["scores"][stage] |= {"tokenization": "morpheme", "analyser": f"kiwipiepy {version}"}
    page = page_of(write_run(run=run))
    assert page.texts("th")[:3] == ["F1 × 100", "Before", "After"]
    (note,) = [note for note in page.texts("p", "note") if "not scored alike" in note]
    assert "Before training: morpheme tokenization, kiwipiepy 0.22.0, Porter stemmer" in note


def test_scores_that_were_not_made_alike_give_no_change(write_run: WriteRun) -> None:
    run = run_with()
    run["scores"]["fine_tuned"]["tokenization"] = "morpheme"
    page = page_of(write_run(run=run))
    assert page.texts("th")[:3] == ["F1 × 100", "Before", "After"]
    assert "+32.44" not in page.source
    assert page.texts("dd", "figure")[0] == "85.64"
    assert (
        "Before training: word tokenization, Porter stemmer, n = 20 dialogues. "
        "After training: morpheme tokenization, Porter stemmer, n = 20 dialogues. "
        "The two were not scored alike, so no change is given."
    ) in page.texts("p", "note")


def test_scores_show_intervals_and_chance(write_run: WriteRun) -> None:
    run = run_with()
    run["scores"]["fine_tuned"] |= {"rouge_sum_low": 80.04, "rouge_sum_high": 90.06, "rouge_sum_floor": 30.5}
    run["scores"]["fine_tuned"] |= {"rouge2_low": 1.0, "rouge2_high": 20.0, "rouge2_floor": 1.5}
    page = page_of(write_run(run=run, predictions=None))
    assert "ROUGE sum53.2085.6480.0 to 90.1+32.4430.50" in page.texts("tr")
    assert "No better than chance can explain: ROUGE-2." in page.texts("p", "note")


def test_chance_is_judged_by_its_own_interval_where_the_run_has_it(write_run: WriteRun) -> None:
    run = run_with()
    score = run["scores"]["fine_tuned"]
    score |= {"rouge_sum_floor": 30.5, "rouge_sum_floor_low": 28.04, "rouge_sum_floor_high": 33.06}
    score |= {"rouge2_low": 1.0, "rouge2_high": 99.0, "rouge2_floor": 1.5, "rouge2_floor_high": score["rouge2"] - 0.1}
    score |= {"rouge1_low": 1.0, "rouge1_floor": 0.5, "rouge1_floor_high": score["rouge1"] + 0.1}
    page = page_of(write_run(run=run, predictions=None))
    assert any(line.endswith("30.5028.0 to 33.1") for line in page.texts("tr"))
    assert "No better than chance can explain: ROUGE-1." in page.texts("p", "note")
