"""The top of a run's page: what was run, its key figures and its scores. Empty where there is nothing to show."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..bilingual import Text, joined, korean
from ..evaluation.result import SCORE_NAMES
from ..runs.read import Run, over_steps
from ..runs.schema import Resumption, RunDevice, RunRecord, StageScores, TrainFigures
from .breakdown import AFTER, BEFORE, CHANGE
from .markup import Html, both, code, facts, join, named, table, tag
from .wording import STATUSES, change, count, decimal, duration, gibibytes, interval, millions, moment, rate, short

T = TypeVar("T")
_UNTIL_THEN = Text(": this page shows what was written until then", ": 그때까지 기록된 내용을 보여 줍니다")
STATUS = {
    "completed": STATUSES["completed"],
    "running": Text(
        "still running: this page shows what was written so far", "실행 중: 지금까지 기록된 내용을 보여 줍니다"
    ),
    **{status: joined([STATUSES[status], _UNTIL_THEN], "") for status in ("interrupted", "failed")},
}
WALL_TIME = Text("Wall time", "걸린 시간")
PEAK_MEMORY = Text("Peak memory", "최대 메모리")
TRAINED_PARAMETERS = Text("Trained parameters", "학습한 파라미터")
TRAINING_LOSS, EVALUATION_LOSS = Text("Training loss", "학습 손실"), Text("Evaluation loss", "평가 손실")
DEVICE = Text("Device", "장치")
BY_CHANCE = Text("By chance", "무작위 기준 점수")
INTERVAL_NOTE = Text(
    "Below each score: its 95% interval over dialogues.", "점수 아래는 대화를 다시 뽑아 구한 95% 신뢰구간입니다."
)
UNNAMED = Text("Unnamed run", "이름 없는 실행")
MISSING = "\N{EN DASH}"


def heading(record: RunRecord) -> Html:
    """Return the page's header: name, status, and where, when and how the run was made."""
    known = record.status if record.status in STATUS else None
    words = STATUS[known] if known else record.status or Text("status not recorded", "상태 기록 없음")
    return tag(
        "header",
        tag("p", Text("yoyak training run", "yoyak 학습 실행"), class_="kind"),
        tag("h1", named(record.name) if record.name else UNNAMED),
        tag("p", words, class_=f"status {known or 'unknown'}"),
        facts(
            [
                (Text("Model", "모델"), code(_checkpoint(record.config))),
                (DEVICE, _device(record.device)),
                (Text("Started", "시작"), _time(record.started)),
                (Text("Went on", "이어서 함"), _resumed(record.resumed)),
                (Text("Ended", "종료"), _time(record.ended)),
                (Text("Error", "오류"), named(record.error) if record.error else None),
                (Text("Seed", "시드"), None if record.seed is None else str(record.seed)),
                (Text("Commit", "커밋"), code(record.commit)),
                (Text("Command", "명령"), code(record.command)),
            ]
        ),
    )


def tiles(run: Run) -> Html:
    """Return the key figures."""
    record, train = run.record, run.record.train
    shown = [
        _rouge_tile(record),
        _loss_tile(run),
        _tile(
            Text("Speed", "속도"),
            _if_known(train.tokens_per_second, _tokens_per_second),
            _if_known(
                train.samples_per_second,
                lambda value: Text(f"{rate(value)} examples/s", f"초당 예시 {rate(value)}개"),
            ),
        ),
        _tile(
            PEAK_MEMORY,
            _if_known(train.peak_memory_bytes, gibibytes),
            _if_known(record.device.memory_bytes, lambda value: _of(gibibytes(value))),
        ),
        _tile(
            WALL_TIME,
            _if_known(train.wall_seconds, duration),
            _time_note(train),
        ),
        _tile(TRAINED_PARAMETERS, _if_known(record.trainable_parameters, millions), _share(record)),
    ]
    return tag("dl", *shown, class_="tiles") if any(shown) else Html("")


def _tokens_per_second(value: float) -> Html:
    english, korean = tag("small", " tokens/s"), tag("small", "개")
    return both(join(rate(value), english), join(tag("small", "초당 토큰 "), rate(value), korean))


def scores(record: RunRecord) -> Html:
    """Return the scores before and after training with their intervals, and what chance alone scores."""
    before, after = record.scores.zero_shot, record.scores.fine_tuned
    scored = [(name, score) for name, score in ((BEFORE, before), (AFTER, after)) if score]
    if not scored:
        return Html("")
    alike = before is not None and after is not None and _basis(before) == _basis(after)
    last = scored[-1][1]
    has_floor = last.rouge_sum_floor is not None
    rows = []
    for key, name in SCORE_NAMES.items():
        values: list[float | None] = [getattr(score, key) for _, score in scored]
        if key == "chrf" and not any(value is not None for value in values):
            continue
        cells = [_with_interval(score, key) for _, score in scored]
        floor = [_with_interval(last, f"{key}_floor")] if has_floor else []
        rows.append([name, *cells, *([_change(*values)] if alike else []), *floor])
    columns = ["F1 \N{MULTIPLICATION SIGN} 100", *(name for name, _ in scored), *([CHANGE] if alike else [])]
    columns += [BY_CHANCE] if has_floor else []
    english = f"ROUGE {' and '.join(name.lower() for name, _ in scored)} training"
    caption = Text(english, "학습 전과 후의 ROUGE" if len(scored) == 2 else f"{scored[0][0].ko}의 ROUGE")
    notes = [_bases(scored, alike), *_interval_notes(last, scored[-1][0])]
    shown = table(caption, columns, rows, "numbers scores")
    return join(shown, *(tag("p", note, class_="note") for note in notes))


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
                f"무작위 기준 점수는 {stage.ko}의 요약을 다른 대화의 정답과 비교한 점수입니다.",
            )
        )
        low = joined(name for key, name in SCORE_NAMES.items() if _within_chance(score, key))
        if low:
            english = f"No better than chance can explain: {low}."
            notes.append(Text(english, f"무작위 기준과 구별되지 않는 점수: {low.ko}."))
    return notes


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
        return scored_with(_basis(scored[0][1]))
    each = joined((Text(f"{name} training: {_basis(s)}.", f"{name.ko}: {_basis(s).ko}.") for name, s in scored), " ")
    why = Text(
        "The two were not scored alike, so no change is given.", "두 점수는 채점 기준이 달라 변화를 적지 않았습니다."
    )
    return joined([each, why], " ")


def scored_with(basis: Text) -> Text:
    """Return a sentence that says what scores count."""
    return Text(f"Scored with {basis}.", f"채점 기준: {basis.ko}.")


def counting(tokenization: str | None, stemmer: bool | None) -> list[Text]:
    """Return in words what ROUGE counts."""
    words = [
        Text(f"{tokenization} tokenization", f"{tokenization} 토큰화")
        if tokenization
        else Text("tokenization not recorded", "토큰화 방식 기록 없음")
    ]
    if stemmer is not None:
        words.append(Text("Porter stemmer", "Porter 어간 추출") if stemmer else Text("no stemmer", "어간 추출 없음"))
    return words


def dialogues(number: int) -> Text:
    """Return of how many dialogues a score is the mean."""
    return Text(f"n = {count(number, 'dialogue')}", f"대화 {number:,}개")


def _basis(score: StageScores) -> Text:
    """Return what a score counted and on how many dialogues; two scores compare only where these are equal."""
    n = Text("n not recorded", "대화 수 기록 없음") if score.n is None else dialogues(score.n)
    return joined([*counting(score.tokenization, score.stemmer), n])


def _change(before: float | None, after: float | None) -> str:
    return MISSING if before is None or after is None else change(before, after, 2)


def _rouge_tile(record: RunRecord) -> Html:
    before, after = record.scores.zero_shot, record.scores.fine_tuned
    last = after or before
    if last is None or last.rouge_sum is None:
        return Html("")
    figure, basis = tag("span", decimal(last.rouge_sum, 2), class_="result"), _basis(last)
    if before is None or after is None or before.rouge_sum is None or _basis(before) != basis:
        name = (
            Text("ROUGE sum after training", "ROUGE 합, 학습 후")
            if after
            else Text("ROUGE sum before training", "ROUGE 합, 학습 전")
        )
        return _tile(name, figure, basis, "lead")
    earlier = tag("span", decimal(before.rouge_sum, 2), " → ", class_="before")
    note = joined([_change(before.rouge_sum, last.rouge_sum), basis], "; ")
    title = Text("ROUGE sum, before → after training", "ROUGE 합, 학습 전 → 후")
    return _tile(title, join(earlier, figure), note, "lead")


def _loss_tile(run: Run) -> Html:
    train = run.record.train
    if train.eval_loss is not None:
        notes = [
            _if_known(train.loss, lambda value: Text(f"training {decimal(value, 3)}", f"학습 {decimal(value, 3)}")),
            _if_known(train.eval_rouge_sum, lambda value: joined([SCORE_NAMES["rouge_sum"], decimal(value, 2)], " ")),
        ]
        return _tile(EVALUATION_LOSS, decimal(train.eval_loss, 3), joined(filter(None, notes), "; "))
    if train.loss is not None:
        return _tile(TRAINING_LOSS, decimal(train.loss, 3), None)
    logged = over_steps(run.metrics, "loss")
    if not logged:
        return Html("")
    step, last = logged[-1]
    note = Text(f"last logged, step {short(step)}", f"마지막 기록, 스텝 {short(step)}")
    return _tile(TRAINING_LOSS, decimal(last, 3), note)


def _if_known(value: T | None, write: Callable[[T], str]) -> str | None:
    return None if value is None else write(value)


def _tile(name: str, figure: str | None, note: str | None, class_: str | None = None) -> Html:
    if figure is None:
        return Html("")
    small = tag("dd", note, class_="note") if note else None
    return tag("div", tag("dt", name), tag("dd", figure, class_="figure"), small, class_=class_)


def _share(record: RunRecord) -> str | None:
    trained, total = record.trainable_parameters, record.total_parameters
    if trained is None or not total:
        return None
    return joined([_of(millions(total)), f"{100 * trained / total:.2f}%"])


def _of(whole: str) -> Text:
    return Text(f"of {whole}", f"전체 {korean(whole)}")


def _checkpoint(config: dict[str, Any]) -> str | None:
    model = config.get("model")
    checkpoint = model.get("checkpoint") if isinstance(model, dict) else None
    return str(checkpoint) if checkpoint else None


def _device(device: RunDevice) -> str | None:
    parts = [
        device.name,
        device.type if device.type != device.name else None,
        Text(count(device.threads, "thread"), f"스레드 {device.threads}개") if device.threads else None,
        gibibytes(device.memory_bytes) if device.memory_bytes else None,
    ]
    return joined(part for part in parts if part)


def _resumed(times: Sequence[Resumption]) -> Text:
    """Return at which step a run went on each time, and when."""
    steps = [(Text(f"step {time.step or 0:,}", f"스텝 {time.step or 0:,}"), time.at) for time in times]
    return joined((joined([step, moment(at)]) if at else step for step, at in steps), "; ")


def _time_note(train: TrainFigures) -> Text:
    notes = [
        _if_known(train.steps, lambda value: Text(count(value, "optimizer step"), f"옵티마이저 스텝 {value:,}개")),
        _if_known(train.saving_seconds, lambda value: _for_checkpoints(duration(value))),
    ]
    return joined(filter(None, notes), "; ")


def _for_checkpoints(time: Text) -> Text:
    return Text(f"{time} for checkpoints", f"체크포인트 저장 {time.ko}")


def _time(text: str | None) -> Html | None:
    return tag("time", moment(text), datetime=text) if text else None
