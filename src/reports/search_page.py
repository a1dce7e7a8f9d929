"""The page of a search: what was tried, what it came to, and why the winner won."""

from pathlib import Path
from typing import Any

from ..bilingual import Text, joined, korean, particle
from ..evaluation.result import SCORE_NAMES
from .charts import Series, line_chart
from .markup import Html, code, facts, join, named, notes, scrolling_table, table, tag
from .page import Part, document, write_page
from .score_table import MISSING, counting
from .search_lines import parallel_lines
from .wording import between, change, decimal, duration, setting

_Record = dict[str, Any]
_STATES = {
    "running": Text("under way", "진행 중"),
    "begun": Text("paused", "멈춤"),
    "finished": Text("finished", "끝까지 학습"),
    "lost": Text("stopped at a pause", "멈춘 뒤 탈락"),
    "failed": Text("failed", "실패"),
}


_CHOSEN_ON = Text("dialogues that trials were chosen on", "선택에 쓴 대화")
_SET_ASIDE = Text("set-aside dialogues", "따로 둔 대화")
_ADDITIONS = {
    "average": Text("mean of the weights", "가중치 평균"),
    "refine": Text("refining", "보상으로 다듬기"),
    "beams": Text("found with beams", "빔 탐색"),
    "mbr": Text("of several summaries the closest", "여러 요약 중 가장 가까운 것"),
}


def write_search_page(path: Path, record: _Record, config: str) -> None:
    """Write a search's page from what `search.json` holds and the winner's config.

    Raises:
        YoyakError: The page cannot be written.
    """
    write_page(path, render_search(record, config))


def render_search(record: _Record, config: str) -> str:
    """Return the whole page as HTML."""
    kind = Text("yoyak search", "yoyak 탐색")
    header = tag("header", tag("p", kind, class_="kind"), tag("h1", named(record["name"])))
    title = joined([record["name"], kind], " · ")
    footer = [Text("Written by yoyak search.", "yoyak search가 작성했습니다.")]
    return document(title, header, search_verdict(record), search_parts(record, config), footer)


def search_parts(record: _Record, config: str) -> list[Part]:
    """Return the parts of an ended search's page."""
    return [
        ("result", Text("Result", "결과"), _result(record)),
        ("additions", Text("Added to the winner", "선택된 시도에 더한 것"), _additions(record)),
        ("history", Text("Score over time", "시간에 따른 점수"), _history(record)),
        ("importance", Text("What made the difference", "점수를 가른 설정"), _importances(record)),
        ("settings", Text("Settings and scores", "설정과 점수"), parallel_lines(record)),
        ("trials", Text("Trials", "시도"), _trials(record)),
        ("refused", Text("Never started", "시작하지 않은 시도"), _refused(record)),
        ("config", Text("The winner's config", "선택된 설정 파일"), tag("pre", tag("code", config), tabindex=0)),
    ]


def standing_parts(record: _Record) -> list[Part]:
    """Return what can be shown of a search that has not ended: its scores so far, and its trials."""
    parts = [
        ("history", Text("Score over time", "시간에 따른 점수"), _history(record)),
        ("trials", Text("Trials", "시도"), _trials(record)),
        ("refused", Text("Never started", "시작하지 않은 시도"), _refused(record)),
    ]
    return [part for part in parts if part[2]]


def search_verdict(record: _Record) -> Html:
    """Return the sentences that a reader needs first."""
    chosen, objective = record["chosen"], SCORE_NAMES[record["objective"]]
    added = list(dict.fromkeys(_ADDITIONS[line["kind"]] for line in _kept(record)))
    if chosen:
        lines = [Text(f"Trial {chosen} won.", f"시도 {chosen}{particle(str(chosen), '이', '가')} 선택되었습니다.")]
    elif added:
        lines = [Text("The config as it is won: no other settings are better.", "설정은 원래대로가 가장 좋습니다.")]
    else:
        lines = [Text("The config as it is won: nothing that was tried is better.", "원래 설정이 가장 좋습니다.")]
    if added:
        names = joined(added, ", ")
        lines.append(Text(f"What was added made it better: {names}.", f"여기에 더해 점수를 올린 것: {korean(names)}."))
    if (test := record["test"]) and test.get("gain"):
        gain, n, named_so = test["gain"], test["dialogues"], korean(objective)
        lines.append(
            Text(
                f"On {n} dialogues that nothing was chosen on its {objective} is {test['score']:.1f}, "
                f"{_signed(gain)} against the config as it is.",
                f"선택에 쓰지 않은 대화 {n}개에서 {named_so}{particle(named_so, '은', '는')} "
                f"{test['score']:.1f}점으로, 원래 설정보다 {_signed(gain).ko}입니다.",
            )
        )
    for part, which in (("dev", _CHOSEN_ON), ("test", _SET_ASIDE)):
        if known := (record[part] or {}).get("trained_on"):  # which an older version did not count
            n = record[part]["dialogues"]
            lines.append(
                Text(
                    f"{known} of the {n} {which} are in the training data too, so that the scores there are too good.",
                    f"{which.ko} {n}개 가운데 {known}개가 학습 데이터에도 있어 그 점수는 실제보다 높게 나옵니다.",
                )
            )
    if len(record["equal"]) > 1:
        others = ", ".join(str(number) for number in record["equal"] if number != chosen)
        lines.append(
            Text(
                f"Its score can't be told from those of {others}, which cost more.",
                f"시도 {others}{particle(others, '과', '와')} 점수를 구별할 수 없어 비용이 가장 적은 것을 골랐습니다.",
            )
        )
    return tag("div", *(tag("p", line) for line in lines), class_="verdicts")


def _kept(record: _Record) -> list[_Record]:
    """Return the additions that stand in the one model that is left: not a choice among several."""
    return [line for line in record["additions"] if line["kept"] and line["kind"] != "mbr"]


def _signed(gain: _Record) -> Text:
    low, high = change(0, gain["low"], 1), change(0, gain["high"], 1)
    by = change(0, gain["difference"], 1)
    return joined([by, " (", between(low, high), ")"], "")


def _result(record: _Record) -> Html:
    trials = record["trials"]
    begun = [trial for trial in trials if trial["state"] != "refused"]
    finished = [trial for trial in begun if trial["state"] == "finished"]
    best = next(trial for trial in finished if trial["number"] == record["chosen"])
    counted = joined(counting(record["tokenization"], record["stemmer"]))
    pairs: list[tuple[str, str | None]] = [
        (Text("Objective", "목표 점수"), joined([SCORE_NAMES[record["objective"]], counted])),
        (Text("Score of the chosen trial", "선택된 시도의 점수"), _score(best)),
        *[(Text("With what was added to it", "더한 것까지의 점수"), _score(line)) for line in _kept(record)[-1:]],
        (Text("Dialogues chosen on", "선택에 쓴 대화"), f"{record['dev']['dialogues']:,}"),
        (Text("Time", "시간"), _of(duration(record["spent_seconds"]), duration(record["deadline_seconds"]))),
        (Text("Trials", "시도"), f"{len(begun):,}"),
        (Text("Trained to the end", "끝까지 학습한 시도"), f"{len(finished):,}"),
        (Text("Never started", "시작하지 않은 시도"), f"{len(trials) - len(begun):,}"),
    ]
    if test := record["test"]:
        pairs.append((Text("Score on set-aside dialogues", "따로 둔 대화의 점수"), _score(test)))
        if test.get("as_it_is") is not None:
            pairs.append((Text("The config as it is there", "같은 대화에서 원래 설정"), decimal(test["as_it_is"], 2)))
    return facts(pairs)


def _of(part: Text, whole: Text) -> Text:
    return Text(f"{part} of {whole}", f"{whole.ko} 중 {part.ko}")


def _score(found: _Record) -> Html:
    if "low" not in found:  # a trial's, whose scores somebody has removed
        return join(decimal(found["score"], 2))
    limits = between(decimal(found["low"], 1), decimal(found["high"], 1))
    return join(decimal(found["score"], 2), " ", tag("small", limits))


def _history(record: _Record) -> Html:
    """Return the chart of scores over the minutes of the search, with the best so far."""
    ended = [
        (trial["ended_after"] / 60, trial["score"])
        for trial in record["trials"]
        if trial["state"] == "finished" and trial["ended_after"] is not None
    ]
    ended.sort()
    best, top = [], float("-inf")
    for minute, score in ended:
        top = max(top, score)
        best.append((minute, top))
    if ended:
        best.append((record["spent_seconds"] / 60, top))
    at = Text("minute {}", "{}분 시점")
    series = [
        Series(Text("best so far", "지금까지 최고"), best, at=at),
        Series(Text("a trial", "시도"), ended, marks=True, at=at),
    ]
    title = SCORE_NAMES[record["objective"]]
    over = Text("minutes of the search", "탐색 시간(분)")
    return line_chart("history", title, series, lambda value: decimal(value, 2), height=260, over=over)


def _additions(record: _Record) -> Html:
    """Return what was tried on the winner when the trials had ended, each with its gain and what became of it."""
    rows: list[list[str | None]] = []
    for line in record["additions"]:
        kept = Text("kept", "남김") if line["kept"] else Text("not kept", "버림")
        score, gain = (MISSING, MISSING) if line["score"] is None else (_score(line), _signed(line["gain"]))
        state = join(kept, " ", _why(line))
        taken = MISSING if line["seconds"] is None else duration(line["seconds"])
        rows.append([_ADDITIONS[line["kind"]], code(line["label"]), score, gain, taken, state])
    if not rows:
        return Html("")
    names = [Text("What", "내용"), Text("Of", "재료"), Text("Score", "점수"), Text("Gain", "향상")]
    columns = [*names, Text("Time", "시간"), Text("State", "상태")]
    caption = Text("Each against what stood before it", "각각 그 앞까지의 결과와 비교")
    return scrolling_table(caption, columns, rows, "numbers wide")


def _importances(record: _Record) -> Html:
    found = record["importances"]
    if not found:
        return Html("")
    rows: list[list[str | None]] = [[code(name), f"{share:.0%}"] for name, share in found.items()]
    caption = Text("Share of what makes the scores differ (PED-ANOVA)", "점수 차이를 설명하는 비중(PED-ANOVA)")
    return table(caption, [Text("Setting", "설정"), Text("Share", "비중")], rows, "numbers")


def _trials(record: _Record) -> Html:
    names = list(dict.fromkeys(name for trial in record["trials"] for name in trial["settings"]))
    by_summaries = record["pauses_by_summaries"]
    rows: list[list[str | None]] = []
    for trial in record["trials"]:
        if trial["state"] == "refused":
            continue
        cells = [_measured(trial["measured"].get(str(place)), by) for place, by in enumerate(by_summaries)]
        values = [code(setting(trial["settings"][n])) if n in trial["settings"] else MISSING for n in names]
        score = _score(trial) if trial["state"] == "finished" else Html(MISSING)
        state = join(_STATES[trial["state"]], " ", _why(trial))
        rows.append([str(trial["number"]), score, state, duration(trial["seconds"]), *cells, *values])
    pauses = [
        Text(f"At {share:.0%}: {_kind(by)}", f"{share:.0%}에서 {_kind(by).ko}")
        for share, by in zip(record["pauses"], by_summaries, strict=True)
    ]
    head = [Text("Trial", "시도"), Text("Score", "점수"), Text("State", "상태"), Text("Time", "시간")]
    caption = Text("All trials; 0 is the config as it is", "모든 시도. 0은 원래 설정")
    note = Text("Small figures are 95% intervals over dialogues.", "작은 숫자는 대화 단위의 95% 신뢰 구간입니다.")
    return join(
        scrolling_table(caption, [*head, *pauses, *(code(name) or "" for name in names)], rows, "numbers wide"),
        notes(note),
    )


def _kind(by_summaries: bool) -> Text:
    return Text("score", "점수") if by_summaries else Text("loss", "손실")


def _measured(value: float | None, by_summaries: bool) -> str:
    if value is None:
        return MISSING
    return decimal(value, 2) if by_summaries else decimal(-value, 3)


def _refused(record: _Record) -> Html:
    rows: list[list[str | None]] = [
        [
            str(trial["number"]),
            code(", ".join(f"{name}={setting(value)}" for name, value in trial["settings"].items())),
            _why(trial),
        ]
        for trial in record["trials"]
        if trial["state"] == "refused"
    ]
    if not rows:
        return Html("")
    columns = [Text("Trial", "시도"), Text("Settings", "설정"), Text("Why", "이유")]
    return table(Text("Drawn, but not begun", "뽑았지만 시작하지 않음"), columns, rows, "words")


def _why(line: _Record) -> str | None:
    """Return why a trial or an addition came to nothing; in quotes where the record has it in English alone."""
    reason, other = line["reason"], line.get("reason_ko")
    if not reason:
        return None
    return Text(reason, other) if isinstance(other, str) else tag("q", reason, lang="en")
