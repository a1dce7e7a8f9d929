"""The parts of a run's page below its summary. Each returns markup, empty where there is nothing to show."""

from typing import Any

from ..bilingual import Text, count, joined
from ..data.files.records import dropped_for
from ..evaluation.result import SCORE_NAMES
from ..runs.json_lines import Metric
from ..runs.read import over_steps
from ..runs.schema import RunRecord, SplitData, SplitLengths, SplitTruncation
from .charts import Point, Series, histogram_chart, line_chart
from .markup import Html, code, facts, join, named, notes, table, tag
from .score_table import trained_on_note
from .wording import decimal, rate, setting, short

SPLITS = {"train": Text("Training data", "학습 데이터"), "eval": Text("Evaluation data", "평가 데이터")}
_EVALUATION = Text("evaluation", "평가")
SETTING = Text("Setting", "설정")
LEARNING_RATE = Text("Learning rate", "학습률")
GRADIENT_NORM = Text("Gradient norm", "그래디언트 노름")
LOSS, SPEED = Text("Loss", "손실"), Text("Speed, tokens/s", "속도, 초당 토큰 수")
MACHINE = {
    "gpu_memory_bytes": (Text("GPU memory, GB", "GPU 메모리, GB"), 1e-9),
    "gpu_busy_percent": (Text("GPU load, %", "GPU 사용률, %"), 1.0),
    "gpu_celsius": (Text("GPU temperature, °C", "GPU 온도, °C"), 1.0),
    "resident_bytes": (Text("Memory of the process, GB", "프로세스 메모리, GB"), 1e-9),
    "processor_busy_percent": (Text("Processor load, %", "프로세서 사용률, %"), 1.0),
}
"""What the machine did: title and factor of each figure of `metrics.jsonl`."""
_CHANGED = Text(
    "The file changed during the run, which used what it held at the start.",
    "실행 중에 파일이 바뀌었지만, 시작할 때의 내용을 썼습니다.",
)


def curves(metrics: list[Metric]) -> Html:
    """Return the charts of loss, learning rate, gradient norm, speed and the machine over the optimizer steps."""
    loss = Series(Text("training", "학습"), over_steps(metrics, "loss"))
    eval_loss = Series(_EVALUATION, over_steps(metrics, "eval_loss"), marks=True)
    wide = line_chart("loss", LOSS, [loss, eval_loss], lambda value: decimal(value, 3), height=260)
    rouge = [Series(_EVALUATION, over_steps(metrics, "eval_rouge_sum"), marks=True)]
    small = [line_chart("rouge-sum", SCORE_NAMES["rouge_sum"], rouge, lambda value: decimal(value, 2))] + [
        line_chart(chart_id, title, [Series(title, over_steps(metrics, key))], write, from_zero=True)
        for chart_id, title, key, write in (
            ("learning-rate", LEARNING_RATE, "learning_rate", short),
            ("gradient-norm", GRADIENT_NORM, "grad_norm", lambda value: decimal(value, 2)),
            ("speed", SPEED, "tokens_per_second", rate),
        )
    ]
    small += [
        line_chart(
            name.replace("_", "-"), title, [Series(title, _scaled(metrics, name, factor))], short, from_zero=True
        )
        for name, (title, factor) in MACHINE.items()
    ]
    return join(wide, tag("div", *small, class_="charts") if any(small) else None)


def _scaled(metrics: list[Metric], name: str, factor: float) -> list[Point]:
    return [(step, factor * value) for step, value in over_steps(metrics, name)]


def settings(record: RunRecord) -> Html:
    """Return the settings that differ from the base config, and what yoyak chose at the start, with its reasons."""
    resolved = {name: value for name, value in record.resolved.as_dict().items() if value is not None}
    changed = [
        [code(name), code(setting(item.base)), code(setting(item.value))]
        for name, item in record.settings_changed.items()
    ]
    chosen = [
        [code(name), code(setting(value)), _reason(resolved, f"{name}_reason")]
        for name, value in resolved.items()
        if not name.removesuffix("_ko").endswith("_reason")
    ]
    differing = Text("Settings that differ from the base config", "기본 설정과 다른 설정")
    columns = [SETTING, Text("Base", "기본값"), Text("This run", "이 실행")]
    at_start = Text("Choices made at the start", "시작할 때 정해진 값")
    choices = [Text("Choice", "항목"), Text("Value", "값"), Text("Reason", "이유")]
    return join(
        table(differing, columns, changed, "words") if changed else None,
        table(at_start, choices, chosen, "words") if chosen else None,
    )


def data(record: RunRecord) -> Html:
    """Return for each split its source, what was dropped or shortened, and its lengths."""
    names = list(dict.fromkeys([*record.data, *record.truncation, *record.lengths]))
    return tag("div", *(_split(record, name) for name in names), class_="splits") if names else Html("")


def environment(record: RunRecord) -> Html:
    """Return the package versions and the full config, folded."""
    import yaml

    versions = [[named(name), code(version)] for name, version in record.versions.items()]
    config = yaml.safe_dump(record.config, allow_unicode=True, sort_keys=False, width=100) if record.config else ""
    packages = Text("Packages of this run", "이 실행의 패키지")
    columns = [Text("Package", "패키지"), Text("Version", "버전")]
    return join(
        _folded(Text("Versions", "버전"), table(packages, columns, versions, "words")) if versions else None,
        _folded(Text("Full config", "전체 설정"), tag("pre", tag("code", config), tabindex=0)) if config else None,
    )


def _folded(title: str, body: Html) -> Html:
    return tag("details", tag("summary", title), body)


def _reason(resolved: dict[str, Any], name: str) -> str | None:
    """Return why something was chosen; in quotes where the run wrote it in English alone."""
    reason, korean = resolved.get(name), resolved.get(f"{name}_ko")
    if reason is None:
        return None
    return Text(setting(reason), korean) if isinstance(korean, str) else tag("q", setting(reason), lang="en")


def _split(record: RunRecord, name: str) -> Html:
    source = record.data.get(name, SplitData())
    sentences = [*_dropped(source), *_cut(record.truncation.get(name, SplitTruncation()))]
    if source.changed_during_run:
        sentences.insert(0, _CHANGED)
    if known := trained_on_note(record):
        sentences[:0] = [known] if name == "eval" else []
    return tag(
        "div",
        tag("h3", SPLITS.get(name, name)),
        facts(
            [
                (Text("Source", "출처"), code(source.source)),
                (Text("Rows", "행 수"), None if source.rows is None else f"{source.rows:,}"),
                (Text("Examples", "예시 수"), None if source.examples is None else f"{source.examples:,}"),
                (Text("Encoding", "인코딩"), code(source.encoding)),
            ]
        ),
        tag("ul", *(tag("li", sentence) for sentence in sentences)) if sentences else None,
        _lengths(name, record.lengths.get(name, SplitLengths())),
    )


def _lengths(name: str, lengths: SplitLengths) -> Html:
    stats = (
        (Text("mean", "평균"), lengths.mean),
        (Text("median", "중앙값"), lengths.p50),
        (Text("95th percentile", "95백분위수"), lengths.p95),
        (Text("longest", "최댓값"), lengths.max),
    )
    known = joined(joined([word, short(value)], " ") for word, value in stats if value is not None)
    chart_id = "lengths-" + "".join(letter if letter.isalnum() else "-" for letter in name)
    title, unit, noun = Text("Example lengths", "예시 길이"), Text("tokens", "토큰"), Text("example", "예시")
    bars = histogram_chart(chart_id, title, lengths.histogram, unit, noun)
    note = Text(f"Tokens: {known}.", f"토큰 수: {known.ko}.")
    return tag("div", bars, notes(note if known else None), class_="lengths")


def _dropped(source: SplitData) -> list[Text]:
    if source.dropped is None:
        return []
    reasons = joined(joined([dropped_for(why), f"({n:,})"], " ") for why, n in source.dropped.items() if n)
    if not reasons:
        return [Text("No row was dropped.", "제외한 행이 없습니다.")]
    total = sum(source.dropped.values())
    english = f"{count(total, 'row was', 'rows were')} dropped: {reasons}."
    return [Text(english, f"행 {total:,}개를 제외했습니다: {reasons.ko}.")]


def _cut(cut: SplitTruncation) -> list[Text]:
    sentences = []
    if cut.prompts_cut == 0:
        sentences.append(Text("No dialogue was shortened.", "줄인 대화가 없습니다."))
    elif cut.prompts_cut:
        verb, korean = _of(cut.prompts_cut, cut.examples, ("dialogue was", "dialogues were"), "대화")
        lost = [
            Text(count(number, noun), f"{korean_noun} {number:,}개")
            for number, noun, korean_noun in ((cut.turns_cut, "turn", "발화"), (cut.tokens_cut, "token", "토큰"))
            if number is not None
        ]
        removed = f" to fit the prompt limit: {joined(lost, ' with ')} left out" if lost else ""
        left_out = f": {joined(lost).ko}를 뺐습니다" if lost else ""
        sentences.append(Text(f"{verb} shortened{removed}.", f"{korean}를 입력 한도에 맞게 줄였습니다{left_out}."))
    if cut.long_summaries == 0:
        sentences.append(Text("No summary is longer than the generation limit.", "생성 한도보다 긴 요약이 없습니다."))
    elif cut.long_summaries:
        verb, korean = _of(cut.long_summaries, cut.examples, ("summary is", "summaries are"), "요약")
        english = f"{verb} longer than the generation limit, and kept whole."
        sentences.append(Text(english, f"{korean}가 생성 한도보다 길지만 그대로 두었습니다."))
    return sentences


def _of(number: int, total: int | None, verbs: tuple[str, str], noun: str) -> tuple[str, str]:
    """Return so many of a total with an English verb, and with a Korean noun."""
    if total is None:
        return f"{number:,} {verbs[number != 1]}", f"{noun} {number:,}개"
    return f"{number:,} of {total:,} {verbs[1]}", f"{noun} {total:,}개 중 {number:,}개"
