"""The table of a run's scores: before and after training, with intervals, what chance and the first turns score."""

from ..bilingual import Text, count, joined
from ..evaluation.result import SCORE_NAMES, SCORES_OF_THEIR_OWN
from ..runs.outcomes import StageScores
from ..runs.schema import RunRecord
from .breakdown import AFTER, BEFORE, CHANGE
from .markup import Html, join, notes, scrolling_table, tag
from .wording import change, decimal, interval

BY_CHANCE = Text("By chance", "무작위 기준 점수")
LEAD = Text("Lead-3", "앞 세 발화")
LEAD_NOTE = Text(
    "Lead-3: what the dialogues' first three turns score in place of summaries.",
    "앞 세 발화는 대화의 처음 세 발화를 그대로 요약으로 삼았을 때의 점수입니다.",
)
INTERVAL_NOTE = Text(
    "Below each score: its 95% interval over dialogues.", "점수 아래는 대화를 다시 뽑아 구한 95% 신뢰 구간입니다."
)
MISSING = "\N{EN DASH}"


def scores(record: RunRecord) -> Html:
    """Return the scores before and after training with their intervals, and what chance alone scores."""
    before, after = record.scores.zero_shot, record.scores.fine_tuned
    scored = [(name, score) for name, score in ((BEFORE, before), (AFTER, after)) if score]
    if not scored:
        return Html("")
    alike = before is not None and after is not None and basis(before) == basis(after)
    last = scored[-1][1]
    has_floor, has_lead = last.rouge_sum_floor is not None, last.rouge_sum_lead3 is not None
    rows = []
    for key, name in SCORE_NAMES.items():
        values: list[float | None] = [getattr(score, key) for _, score in scored]
        if key in ("rouge_mean", "chrf") and not any(value is not None for value in values):
            continue  # of an older run
        cells, alone = [_with_interval(score, key) for _, score in scored], getattr(last, f"{key}_lead3")
        floor = [_with_interval(last, f"{key}_floor")] if has_floor else []
        lead = [MISSING if alone is None else decimal(alone, 2)] if has_lead else []
        rows.append([name, *cells, *([change_of(*values)] if alike else []), *floor, *lead])
    columns = ["F1 \N{MULTIPLICATION SIGN} 100", *(name for name, _ in scored), *([CHANGE] if alike else [])]
    columns += ([BY_CHANCE] if has_floor else []) + ([LEAD] if has_lead else [])
    english = f"ROUGE {' and '.join(name.lower() for name, _ in scored)} training"
    caption = Text(english, "학습 전과 후의 ROUGE" if len(scored) == 2 else f"{scored[0][0].ko}의 ROUGE")
    shown = scrolling_table(caption, columns, rows, "numbers scores")
    known = trained_on_note(record)
    warning = tag("div", tag("p", known, class_="warning"), class_="verdicts") if known else None
    return join(warning, shown, notes(_bases(scored, alike), *_drawn(scored), *_interval_notes(last, scored[-1][0])))


def trained_on_note(record: RunRecord) -> Text | None:
    """Return how many evaluation dialogues are trained on, None where none is or an older version did not count."""
    data = record.data.get("eval")
    known = data.trained_on if data else None
    if not known or data is None:
        return None
    of_all = f"{known:,} of {data.rows:,}" if data.rows else f"{known:,}"
    korean = f"평가 대화 {data.rows:,}개 가운데 {known:,}개" if data.rows else f"평가 대화 {known:,}개"
    return Text(
        f"{of_all} evaluation dialogues are in the training data too, so that the scores are too good.",
        f"{korean}가 학습 데이터에도 있어 점수가 실제보다 높게 나옵니다.",
    )


def _with_interval(score: StageScores, key: str) -> Html:
    value, low, high = (getattr(score, name) for name in (key, f"{key}_low", f"{key}_high"))
    if value is None:
        return Html(MISSING)
    return join(decimal(value, 2), tag("small", interval(low, high)) if None not in (low, high) else None)


def _interval_notes(score: StageScores, stage: Text) -> list[Text]:
    notes = []
    if score.rouge_sum_low is not None:
        notes.append(INTERVAL_NOTE)
    if score.rouge_sum_floor is not None:
        notes.append(
            Text(
                f"By chance: what the summaries {stage.lower()} training score against other dialogues' references.",
                f"무작위 기준 점수는 {stage.ko}의 요약을 다른 대화의 기준 요약과 비교한 점수입니다.",
            )
        )
        low = joined(SCORE_NAMES[key] for key in SCORES_OF_THEIR_OWN if _within_chance(score, key))
        if low:
            english = f"No better than chance can explain: {low}."
            notes.append(Text(english, f"무작위 기준과 구별되지 않는 점수: {low.ko}."))
    return notes + ([LEAD_NOTE] if score.rouge_sum_lead3 is not None else [])


def _within_chance(score: StageScores, key: str) -> bool:
    """Return whether a score lies inside its chance floor's interval, or below, as `yoyak evaluate` says it.

    In runs that lack the floor's interval: whether the floor lies inside the score's, or above.
    """
    value, low = getattr(score, key), getattr(score, f"{key}_low")
    floor, high = getattr(score, f"{key}_floor"), getattr(score, f"{key}_floor_high")
    if high is not None and value is not None:
        return bool(value <= high)
    return low is not None and floor is not None and low <= floor


def _bases(scored: list[tuple[Text, StageScores]], alike: bool) -> Text:
    if alike or len(scored) == 1:
        return scored_with(basis(scored[0][1]))
    each = joined((Text(f"{name} training: {basis(s)}.", f"{name.ko}: {basis(s).ko}.") for name, s in scored), " ")
    why = Text(
        "The two were not scored alike, so no change is given.", "두 점수는 채점 기준이 달라 변화를 적지 않았습니다."
    )
    return joined([each, why], " ")


def _drawn(scored: list[tuple[Text, StageScores]]) -> list[Text]:
    """Return at which temperatures samples were drawn where MBR chose among them, as a note or none."""
    known = [(name, score.mbr_temperature) for name, score in scored if score.mbr_temperature is not None]
    if not known:
        return []
    each = joined(Text(f"{value:g} ({name.lower()} training)", f"{value:g}({name.ko})") for name, value in known)
    return [
        Text(
            f"Chosen by MBR among samples at temperature {each}.", f"온도 {each.ko}에서 뽑은 요약 중 MBR로 골랐습니다."
        )
    ]


def scored_with(basis: Text) -> Text:
    """Return a sentence that says what scores count."""
    return Text(f"Scored with {basis}.", f"채점 기준: {basis.ko}.")


def counting(tokenization: str | None, stemmer: bool | None, analyser: str | None = None) -> list[str]:
    """Return in words what ROUGE counts."""
    unknown = Text("tokenization not recorded", "토큰화 방식 기록 없음")
    words: list[str] = [Text(f"{tokenization} tokenization", f"{tokenization} 토큰화") if tokenization else unknown]
    words += [analyser] if analyser else []
    if stemmer is not None:
        words.append(Text("Porter stemmer", "Porter 어간 추출") if stemmer else Text("no stemmer", "어간 추출 없음"))
    return words


def dialogues(number: int) -> Text:
    """Return of how many dialogues a score is the mean."""
    return Text(f"n = {count(number, 'dialogue')}", f"대화 {number:,}개")


def basis(score: StageScores) -> Text:
    """Return what a score counted and on how many dialogues; two scores compare only where these are equal."""
    n = Text("n not recorded", "대화 수 기록 없음") if score.n is None else dialogues(score.n)
    return joined([*counting(score.tokenization, score.stemmer, score.analyser), n])


def change_of(before: float | None, after: float | None) -> str:
    """Return a difference, or a dash where one of the scores is not known."""
    return MISSING if before is None or after is None else change(before, after, 2)
