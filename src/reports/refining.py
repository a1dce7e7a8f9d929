"""The part of a run's page that tells what `yoyak refine` did: why it ended, what it changed, and its curves."""

from collections.abc import Sequence
from typing import Any

from ..bilingual import Text, joined, korean
from ..evaluation.result import SCORE_NAMES
from ..runs.json_lines import Metric
from ..runs.read import over_steps
from ..runs.schema import RunRecord
from .breakdown import CHANGE
from .charts import Point, Series, line_chart
from .markup import Html, join, notes, table, tag
from .score_table import counting
from .wording import change, decimal, short

_DRAWN = Text("drawn", "샘플링")
_EVALUATION = Text("evaluation", "평가")
REFINED_FIGURES = {
    "reward": Text("Reward", "보상"),
    "score": Text("Score", "점수"),
    "facts_kept": Text("Facts kept, %", "유지한 사실, %"),
    "facts_unsupported": Text("Unsupported facts in 100 summaries", "요약 100개당 근거 없는 사실"),
    "words": Text("Words a summary", "요약당 단어 수"),
    "ended": Text("Share that ended, %", "끝맺은 요약, %"),
    "copied": Text("Words copied in runs of three or more, %", "대화에서 세 단어 이상 그대로 가져온 비율, %"),
    "repeated": Text("Repeated 3-grams, %", "반복된 세 단어 묶음, %"),
}
"""What is measured of drawn summaries, and under `eval_` of those of the evaluation dialogues."""
ENTROPY = Text("Entropy, nats a token", "토큰당 엔트로피")
DISTANCE = Text("Distance from the start, nats a token", "시작 모델과의 거리, 토큰당")
PER_100 = ("facts_kept", "facts_unsupported", "ended", "copied", "repeated")
"""Shares of 1, and counts of one summary, that are shown times 100."""
NOTHING_GAINED = Text(
    "No evaluation was better than the start, so the final model is the one that refining began with.",
    "시작보다 나은 평가가 없어, 최종 모델은 보상 학습을 시작한 모델 그대로입니다.",
)
OF_GREEDY = Text(
    "These figures are of greedy summaries; the run's scores are of those that its generation settings make.",
    "이 값은 탐욕적으로(greedy) 생성한 요약의 것이고, 실행의 점수는 generation 설정대로 만든 요약의 것입니다.",
)
"""Where the run generates otherwise (beams, sampling, MBR, penalties), with other scores."""
_PLAIN = {
    "num_beams": 1, "mbr_samples": 0, "do_sample": False, "min_new_tokens": 0, "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
}  # fmt: skip
_HOW_TO_READ = Text(
    "The best evaluation's weights are the final model, so its figures on these dialogues are somewhat too good. A "
    "reward that is gamed shows below: in facts that get lost, lengths that run away, sentences copied from the "
    "dialogue, repetition, or entropy near 0.",
    "가장 좋은 평가 시점의 가중치가 최종 모델이므로 이 대화에서의 값은 실제보다 조금 높습니다. 보상만 노린 결과라면 "
    "아래에 드러납니다: 사실이 사라지거나, 길이가 크게 변하거나, 대화를 그대로 가져오거나, 반복이 늘거나, "
    "엔트로피가 0에 가까워집니다.",
)


def refining_section(record: RunRecord, metrics: list[Metric], with_curves: bool = True) -> Html:
    """Return what refining was rewarded for, why it ended, its first and best evaluation and its curves.

    Empty for a run that was not refined.
    """
    if not over_steps(metrics, "eval_reward"):
        return Html("")
    return join(_ending(record), _table(metrics), notes(_HOW_TO_READ), _curves(metrics) if with_curves else None)


def _ending(record: RunRecord) -> Html:
    sentences = [_rewarded_for(record.config)]
    refine = record.refine
    if refine and refine.why_ended:
        korean = refine.why_ended_ko or refine.why_ended
        sentences.append(Text(f"It ended: {refine.why_ended}.", f"종료 이유: {korean}."))
        if refine.start and refine.best.get("step") == refine.start.get("step"):
            sentences.append(NOTHING_GAINED)
    if not generates_greedily(record.config.get("generation") or {}):
        sentences.append(OF_GREEDY)
    return join(*(tag("p", sentence) for sentence in sentences if sentence))


def generates_greedily(generation: dict[str, Any]) -> bool:
    """Tell whether a run's settings take the likeliest token each time, as summaries are made while it is refined."""
    return all(generation.get(name, plain) == plain for name, plain in _PLAIN.items())


def _rewarded_for(config: dict[str, Any]) -> Text | None:
    """Return a sentence on what the reward is made of, as the settings say."""
    settings, judged = config.get("refine") or {}, config.get("evaluation") or {}
    if "reward" not in settings:
        return None
    name = SCORE_NAMES.get(settings["reward"], str(settings["reward"]))
    how = joined([] if name == "chrF" else counting(judged.get("tokenization"), judged.get("stemmer")))
    basis = Text(f"{name} ({how})", f"{korean(name)}({how.ko})") if how else name
    facts = english_facts = ""
    if weight := settings.get("facts_weight"):
        english_facts = (
            f" and, with up to {short(weight)} points, for the reference's facts that a summary keeps, less those that "
            "the dialogue does not hold"
        )
        facts = f", 기준 요약의 사실을 지키면 최대 {short(weight)}점을 더하고 대화에 없는 사실만큼 뺍니다"
    return Text(
        f"Rewarded for {basis}{english_facts}; a summary that did not end gets 0.",
        f"보상: {korean(basis)}{facts}. 끝맺지 못한 요약은 0점입니다.",
    )


def _table(metrics: list[Metric]) -> Html:
    curves = {key: dict(_points(metrics, f"eval_{key}", key)) for key in REFINED_FIGURES}
    rewards = curves["reward"]
    first, best = min(rewards), max(rewards, key=lambda step: rewards[step])
    rows: list[list[str | None]] = []
    for key, title in REFINED_FIGURES.items():
        before, after = curves[key].get(first), curves[key].get(best)
        if before is not None and after is not None:
            rows.append([title, _written(before), _written(after), change(before, after, 1)])
    columns = [
        Text("Figure", "항목"),
        Text(f"Start, step {short(first)}", f"시작, 스텝 {short(first)}"),
        Text(f"Best, step {short(best)}", f"최고, 스텝 {short(best)}"),
        CHANGE,
    ]
    caption = Text("The evaluation dialogues' summaries", "평가 대화의 요약")
    return table(caption, columns, rows, "numbers")


def _curves(metrics: list[Metric]) -> Html:
    wide, *small = [
        line_chart(f"refine-{key}", title, _both(metrics, key), _written, height=260 if key == "reward" else 180)
        for key, title in REFINED_FIGURES.items()
    ]
    small.append(_single(metrics, "entropy", ENTROPY))
    if any(value for _, value in over_steps(metrics, "distance")):
        small.append(_single(metrics, "distance", DISTANCE))
    return join(wide, tag("div", *small, class_="charts"))


def _both(metrics: list[Metric], key: str) -> Sequence[Series]:
    drawn = Series(_DRAWN, _points(metrics, key, key))
    return [drawn, Series(_EVALUATION, _points(metrics, f"eval_{key}", key), marks=True)]


def _single(metrics: list[Metric], key: str, title: Text) -> Html:
    points = over_steps(metrics, key)
    return line_chart(f"refine-{key}", title, [Series(title, points)], lambda value: decimal(value, 3), from_zero=True)


def _points(metrics: list[Metric], name: str, key: str) -> list[Point]:
    """Return a figure over the steps; shares of 1 as percentages."""
    factor = 100 if key in PER_100 else 1
    return [(step, factor * value) for step, value in over_steps(metrics, name)]


def _written(value: float) -> str:
    return decimal(value, 1)
