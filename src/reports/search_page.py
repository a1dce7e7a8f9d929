"""The page of a search: what was tried, what it came to, and why the winner won."""

from pathlib import Path
from typing import Any

from ..bilingual import Text, count, joined
from ..evaluation.result import SCORE_NAMES
from .charts import Series, line_chart
from .markup import Html, code, facts, join, named, notes, scrolling_table, table, tag
from .page import Part, document, write_page
from .score_table import MISSING, counting
from .search_lines import parallel_lines
from .search_verdict import ADDITIONS, kept_additions, search_verdict, signed_change
from .wording import between, decimal, duration, setting

_Record = dict[str, Any]
_STATES = {
    "running": Text("under way", "진행 중"),
    "begun": Text("paused", "멈춤"),
    "finished": Text("finished", "끝까지 학습"),
    "lost": Text("stopped at a pause", "멈춘 뒤 탈락"),
    "failed": Text("failed", "실패"),
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


def _result(record: _Record) -> Html:
    trials = record["trials"]
    begun = [trial for trial in trials if trial["state"] != "refused"]
    finished = [trial for trial in begun if trial["state"] == "finished"]
    best = next(trial for trial in finished if trial["number"] == record["chosen"])
    counted = joined(counting(record["tokenization"], record["stemmer"]))
    pairs: list[tuple[str, str | None]] = [
        (Text("Objective", "목표 점수"), joined([SCORE_NAMES[record["objective"]], counted])),
        (Text("Score of the chosen trial", "선택된 시도의 점수"), _score(best)),
        *[
            (Text("With what was added to it", "더한 것까지의 점수"), _score(line))
            for line in kept_additions(record)[-1:]
        ],
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
        score, gain = (MISSING, MISSING) if line["score"] is None else (_score(line), signed_change(line["gain"]))
        state = join(kept, " ", _why(line))
        taken = MISSING if line["seconds"] is None else duration(line["seconds"])
        rows.append([ADDITIONS[line["kind"]], code(line["label"]), score, gain, taken, state])
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
        notes(note, *map(_other_folder, record.get("others", []))),
    )


def _other_folder(line: _Record) -> Text:
    """Return where trials of other machines lie, among which nothing is chosen here."""
    n, best, place, score = line["trials"], line["best"], line["place"], decimal(line["score"], 2)
    return Text(
        f"{count(n, 'trial')} ended in {place}, where their weights are; the best is trial {best}, {score}.",
        f"{place}에서 시도 {n}개가 끝났고 가중치도 거기 있습니다. 가장 나은 것은 시도 {best}, {score}점입니다.",
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
