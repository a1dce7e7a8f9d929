"""The parts of a run's page below its summary. Each returns markup, empty where there is nothing to show."""

from typing import Any

from ..runs.read import over_steps
from ..runs.schema import Metric, RunRecord, SplitData, SplitLengths, SplitTruncation
from .charts import Series, histogram, line_chart
from .markup import Html, code, facts, join, table, tag
from .wording import count, decimal, rate, setting, short

SPLITS = {"train": "Training data", "eval": "Evaluation data"}


def curves(metrics: list[Metric]) -> Html:
    """Return the charts of loss, learning rate, gradient norm and speed over the optimizer steps."""
    loss = Series("training", over_steps(metrics, "loss"))
    eval_loss = Series("evaluation", over_steps(metrics, "eval_loss"), marks=True)
    wide = line_chart("loss", "Loss", [loss, eval_loss], lambda value: decimal(value, 3), height=260)
    rouge = [Series("evaluation", over_steps(metrics, "eval_rouge_sum"), marks=True)]
    small = [
        line_chart("rouge-sum", "ROUGE sum", rouge, lambda value: decimal(value, 2)),
    ] + [
        line_chart(chart_id, title, [Series(name, over_steps(metrics, key))], write, from_zero=True)
        for chart_id, title, name, key, write in (
            ("learning-rate", "Learning rate", "learning rate", "learning_rate", short),
            ("gradient-norm", "Gradient norm", "gradient norm", "grad_norm", lambda value: decimal(value, 2)),
            ("speed", "Speed, tokens/s", "tokens/s", "tokens_per_second", rate),
        )
    ]
    return join(wide, tag("div", *small, class_="charts") if any(small) else None)


def settings(record: RunRecord) -> Html:
    """Return the settings that differ from the base config, and what yoyak chose at the start, with its reasons."""
    resolved = {name: value for name, value in record.resolved.as_dict().items() if value is not None}
    changed = [
        [code(name), code(setting(item.base)), code(setting(item.value))]
        for name, item in record.settings_changed.items()
    ]
    chosen = [
        [code(name), code(setting(value)), _reason(resolved.get(f"{name}_reason"))]
        for name, value in resolved.items()
        if not (name.endswith("_reason") and name.removesuffix("_reason") in resolved)
    ]
    tables = (
        ("Settings that differ from the base config", ["Setting", "Base", "This run"], changed),
        ("Choices made at the start", ["Choice", "Value", "Reason"], chosen),
    )
    return join(*(table(caption, columns, rows, "words") for caption, columns, rows in tables if rows))


def data(record: RunRecord) -> Html:
    """Return for each split its source, what was dropped or shortened, and its lengths."""
    names = list(dict.fromkeys([*record.data, *record.truncation, *record.lengths]))
    return tag("div", *(_split(record, name) for name in names), class_="splits") if names else Html("")


def environment(record: RunRecord) -> Html:
    """Return the package versions and the full config, folded."""
    import yaml

    versions = [[name, code(version)] for name, version in record.versions.items()]
    config = yaml.safe_dump(record.config, allow_unicode=True, sort_keys=False, width=100) if record.config else ""
    return join(
        _folded("Versions", table("Packages of this run", ["Package", "Version"], versions, "words"))
        if versions
        else None,
        _folded("Full config", tag("pre", tag("code", config), tabindex=0)) if config else None,
    )


def _folded(title: str, body: Html) -> Html:
    return tag("details", tag("summary", title), body)


def _reason(reason: Any) -> str | None:
    return None if reason is None else setting(reason)


def _split(record: RunRecord, name: str) -> Html:
    source = record.data.get(name, SplitData())
    sentences = [*_changed(source), *_dropped(source), *_cut(record.truncation.get(name, SplitTruncation()))]
    return tag(
        "div",
        tag("h3", SPLITS.get(name, name)),
        facts(
            [
                ("Source", code(source.source)),
                ("Rows", None if source.rows is None else f"{source.rows:,}"),
                ("Examples", None if source.examples is None else f"{source.examples:,}"),
                ("Encoding", source.encoding),
            ]
        ),
        tag("ul", *(tag("li", sentence) for sentence in sentences)) if sentences else None,
        _lengths(name, record.lengths.get(name, SplitLengths())),
    )


def _lengths(name: str, lengths: SplitLengths) -> Html:
    stats = (
        ("mean", lengths.mean),
        ("median", lengths.p50),
        ("95th percentile", lengths.p95),
        ("longest", lengths.max),
    )
    known = ", ".join(f"{word} {short(value)}" for word, value in stats if value is not None)
    chart_id = "lengths-" + "".join(letter if letter.isalnum() else "-" for letter in name)
    bars = histogram(chart_id, "Example lengths", lengths.histogram, "tokens", "example")
    return tag("div", bars, tag("p", f"Tokens: {known}.", class_="note") if known else None, class_="lengths")


def _changed(source: SplitData) -> list[str]:
    sentence = "The file changed during the run, which used what it held at the start."
    return [sentence] if source.changed_during_run else []


def _dropped(source: SplitData) -> list[str]:
    if source.dropped is None:
        return []
    reasons = [f"{reason} ({number:,})" for reason, number in source.dropped.items() if number]
    if not reasons:
        return ["No row was dropped."]
    total = sum(source.dropped.values())
    return [f"{count(total, 'row was', 'rows were')} dropped: {', '.join(reasons)}."]


def _cut(cut: SplitTruncation) -> list[str]:
    of = "" if cut.examples is None else f" of {cut.examples:,}"
    sentences = []
    if cut.prompts_cut == 0:
        sentences.append("No dialogue was shortened.")
    elif cut.prompts_cut:
        lost = [
            None if cut.turns_cut is None else count(cut.turns_cut, "turn"),
            None if cut.tokens_cut is None else count(cut.tokens_cut, "token"),
        ]
        removed = " with ".join(part for part in lost if part)
        were = "dialogue was" if cut.prompts_cut == 1 and not of else "dialogues were"
        verb = f"{cut.prompts_cut:,}{of} {were} shortened"
        sentences.append(f"{verb} to fit the prompt limit: {removed} left out." if removed else f"{verb}.")
    if cut.long_summaries == 0:
        sentences.append("No summary is longer than the generation limit.")
    elif cut.long_summaries:
        are = "summary is" if cut.long_summaries == 1 and not of else "summaries are"
        sentences.append(f"{cut.long_summaries:,}{of} {are} longer than the generation limit, and kept whole.")
    return sentences
