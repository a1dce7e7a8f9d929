"""The top of a run's page: what was run, its key figures and its scores. Empty where there is nothing to show."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..bilingual import Text, count, joined, korean
from ..evaluation.result import SCORE_NAMES
from ..runs.outcomes import TrainFigures
from ..runs.read import Run, over_steps
from ..runs.schema import Resumption, RunDevice, RunRecord
from .markup import Html, both, code, facts, join, named, tag
from .score_table import basis, change_of
from .wording import STATUSES, decimal, duration, gibibytes, millions, moment, rate, short

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
UNNAMED = Text("Unnamed run", "이름 없는 실행")


def heading(record: RunRecord) -> Html:
    """Return the page's header: name, status, and where, when and how the run was made."""
    known = record.status if record.status in STATUS else None
    words = STATUS[known] if known else record.status or Text("status not recorded", "상태 기록 없음")
    return tag(
        "header",
        tag("p", Text("yoyak training run", "yoyak 학습 실행"), class_="kind"),
        tag("h1", named(record.name) if record.name else UNNAMED),
        tag("p", words, class_=f"status {known or 'unknown'}"),
        run_facts(record),
    )


def run_facts(record: RunRecord) -> Html:
    """Return where, when and how a run was made."""
    return facts(
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
    )


def tiles(run: Run) -> Html:
    """Return the key figures."""
    record, train, memory = run.record, run.record.train, run.record.device.memory_bytes
    shown = [
        _rouge_tile(record),
        _loss_tile(run),
        _tile(
            Text("Speed", "속도"),
            _if_known(train.tokens_per_second, _tokens_per_second),
            _if_known(
                train.samples_per_second, lambda value: Text(f"{rate(value)} examples/s", f"초당 예시 {rate(value)}개")
            ),
        ),
        _tile(
            PEAK_MEMORY,
            _if_known(train.peak_memory_bytes, gibibytes),
            _if_known(memory, lambda size: _of(gibibytes(size))),
        ),
        _tile(WALL_TIME, _if_known(train.wall_seconds, duration), _time_note(train)),
        _tile(TRAINED_PARAMETERS, _if_known(record.trainable_parameters, millions), _share(record)),
    ]
    return tag("dl", *shown, class_="tiles") if any(shown) else Html("")


def _tokens_per_second(value: float) -> Html:
    english, korean = tag("small", " tokens/s"), tag("small", "개")
    return both(join(rate(value), english), join(tag("small", "초당 토큰 "), rate(value), korean))


def _rouge_tile(record: RunRecord) -> Html:
    before, after = record.scores.zero_shot, record.scores.fine_tuned
    last = after or before
    if last is None or last.rouge_sum is None:
        return Html("")
    figure = tag("span", decimal(last.rouge_sum, 2), class_="result")
    mean = Text(f"mean {decimal(last.rouge_sum / 3, 2)}", f"평균 {decimal(last.rouge_sum / 3, 2)}")
    counted = joined([mean, basis(last)], "; ")
    if before is None or after is None or before.rouge_sum is None or basis(before) != basis(last):
        stage = Text("after", "후") if after else Text("before", "전")
        return _tile(Text(f"ROUGE sum {stage} training", f"ROUGE 합, 학습 {stage.ko}"), figure, counted, "lead")
    earlier = tag("span", decimal(before.rouge_sum, 2), " → ", class_="before")
    note = joined([change_of(before.rouge_sum, last.rouge_sum), counted], "; ")
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
    steps = _if_known(train.steps, lambda n: Text(count(n, "optimizer step"), f"옵티마이저 스텝 {n:,}개"))
    saving = None if train.saving_seconds is None else duration(train.saving_seconds)
    spent = saving and Text(f"{saving} for checkpoints", f"체크포인트 저장 {saving.ko}")
    return joined(filter(None, [steps, spent]), "; ")


def _time(text: str | None) -> Html | None:
    return tag("time", moment(text), datetime=text) if text else None
