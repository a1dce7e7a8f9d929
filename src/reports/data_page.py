"""The page of `yoyak data stats`: one HTML file that asks no host for anything."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..bilingual import Text, count, joined
from ..data.files.records import dropped_for
from .charts import histogram_chart
from .data_measures import MEASURES, short_names, written
from .markup import Html, join, named, notes, scrolling_table, table, tag
from .page import document

if TYPE_CHECKING:
    from ..data.tools.stats import DataStats, FileStats, Measures, SharedDialogues

_STYLE = """
.numbers { max-width: none; }
.numbers tbody tr:last-child > * { font-weight: inherit; border-bottom: 1px solid var(--rule); }
.numbers tbody tr:last-child > th { font-weight: 500; }
.numbers tbody th { min-width: 9rem; }
.measure { margin-top: 2.5rem; }
p + p { margin-top: .5rem; }
.measure + p { margin-top: 1rem; }
.measure .charts { margin-top: 1rem; }
.share { display: inline-block; height: .7em; margin-right: .5rem; background: var(--accent); }
"""


def render_data_page(stats: "DataStats", measures: Sequence["Measures"]) -> str:
    """Return the whole page; the histograms are drawn from `measures`, those of each file."""
    names = short_names([file.source for file in stats.files])
    title = ", ".join(names)
    topics = [_topics_of(file, name) for file, name in zip(stats.files, names, strict=True) if file.topics]
    parts = [
        ("files", Text("Files", "파일"), _files(stats)),
        ("shared", Text("Shared dialogues", "겹치는 대화"), _shared(stats, names)),
        ("measures", Text("Per dialogue", "대화별 통계"), _spreads(stats, names)),
        ("distributions", Text("Distributions", "분포"), _distributions(names, measures)),
        ("topics", Text("Topics", "주제"), tag("div", *topics, class_="splits") if topics else Html("")),
    ]
    header = tag("header", tag("p", Text("Data", "데이터"), class_="kind"), tag("h1", named(title)))
    footer = [Text("Written by yoyak data stats.", "yoyak data stats가 작성했습니다.")]
    whole = joined([title, " · ", Text("yoyak data", "yoyak 데이터")], "")
    return document(whole, header, None, parts, footer, _STYLE)


def _files(stats: "DataStats") -> Html:
    columns = [
        Text("file", "파일"),
        Text("rows", "행"),
        Text("left out", "제외"),
        Text("repeated", "중복"),
        Text("near-duplicates", "거의 같은 대화"),
        Text("topics", "주제"),
        Text("without a topic", "주제 없음"),
    ]
    rows = []
    for file in stats.files:
        counts = [file.rows, sum(file.left_out.values()), file.repeated_dialogues, file.near_duplicates]
        counts += [file.topics, file.rows_without_topic]
        rows.append([named(file.source), *(f"{number:,}" for number in counts)])
    note = Text(
        "Repeated: an earlier row has the same dialogue, character for character. Near-duplicates: the runs of three "
        f"words of two dialogues have a Jaccard similarity of {stats.near_jaccard:g} or more.",
        "중복: 앞의 행에 글자까지 똑같은 대화가 있습니다. 거의 같은 대화: 두 대화에서 이어진 세 단어들의 자카드 "
        f"유사도가 {stats.near_jaccard:g} 이상입니다.",
    )
    left_out = []
    for file in stats.files:
        for reason, number in file.left_out.items():
            why = dropped_for(reason)
            said = Text(f": left out {number:,} ({why}).", f": {number:,}개를 제외했습니다({why.ko}).")
            left_out.append(tag("p", named(file.source), said, class_="note"))
    return join(scrolling_table(Text("Rows", "행 수"), columns, rows), notes(note), *left_out)


def _shared(stats: "DataStats", names: Sequence[str]) -> Html:
    by_source = {file.source: name for file, name in zip(stats.files, names, strict=True)}
    return join(*(_shared_by(one, by_source) for one in stats.shared))


def _shared_by(one: "SharedDialogues", names: Mapping[str, str]) -> Html:
    first, second = names[one.first], names[one.second]
    if not one.pairs:
        english = f"{second} and {first} share no dialogue, exactly or nearly."
        return tag("p", Text(english, f"{second}, {first}: 똑같거나 거의 같은 대화가 없습니다."))
    counts = Text(
        f"{second} shares {count(one.exact, 'dialogue')} with {first} exactly, and {one.near:,} more nearly.",
        f"{second}, {first}: 똑같은 대화가 {one.exact:,}개, 거의 같은 대화가 {one.near:,}개 더 있습니다.",
    )
    rows = [[named(pair.second), named(pair.first), f"{pair.jaccard:.2f}"] for pair in one.pairs[:10]]
    caption = (
        Text(f"The {len(rows)} most alike", f"가장 비슷한 {len(rows)}개")
        if one.exact + one.near > len(rows)
        else Text("Which they are", "해당 대화")
    )
    columns = [
        Text(f"in {second}", f"{second}의 대화"),
        Text(f"in {first}", f"{first}의 대화"),
        Text("similarity", "유사도"),
    ]
    return join(tag("p", counts), tag("div", scrolling_table(caption, columns, rows), class_="measure"))


def _spreads(stats: "DataStats", names: Sequence[str]) -> Html:
    several = len(names) > 1
    rows = []
    for name, measure in MEASURES.items():
        for file, file_name in zip(stats.files, names, strict=True):
            if name not in file.measures:
                continue
            spread = file.measures[name]
            values = (spread.min, spread.p5, spread.p50, spread.p95, spread.max)
            label = join(measure.label, " · ", named(file_name)) if several else measure.label
            rows.append(
                [label, written(spread.mean, max(measure.decimals, 1)), *(written(v, measure.decimals) for v in values)]
            )
    columns = [
        Text("measure", "항목"),
        Text("mean", "평균"),
        Text("min", "최소"),
        *(Text(share, f"{share[1:]}백분위") for share in ("p5", "p50", "p95")),
        Text("max", "최대"),
    ]
    caption = Text("Mean, smallest, percentiles and largest", "평균, 최솟값, 백분위수, 최댓값")
    by = stats.tokenizer
    tokens = Text(f"Tokens are those of {by}.", f"토큰은 {by} 기준입니다.") if by else None
    words = Text(
        f"Words are cut as {stats.tokenization}. Coverage and density after Grusky, Naaman and Artzi (2018).",
        f"단어는 {stats.tokenization} 토큰화로 나눴습니다. 복사 비율(coverage)과 복사 길이(density)는 "
        "Grusky, Naaman, Artzi(2018)를 따릅니다.",
    )
    note = joined([tokens, words] if tokens else [words], " ")
    return join(scrolling_table(caption, columns, rows), notes(note))


def _distributions(names: Sequence[str], measures: Sequence["Measures"]) -> Html:
    from ..data.tools.stats import shared_bins

    figures = []
    for name, measure in MEASURES.items():
        columns = [of_file[name] for of_file in measures if name in of_file]
        bins = shared_bins(columns) if len(columns) == len(names) else []
        if not bins:
            continue
        drawn = []
        for number, file_name in enumerate(names):
            own = [(bound, counts[number]) for bound, counts in bins]
            drawn.append(histogram_chart(f"{name}-{number}", file_name, own, measure.unit, Text("dialogue", "대화")))
        heading = tag("h3", Text(measure.label[:1].upper() + measure.label[1:], measure.label.ko))
        charts = tag("div", *drawn, class_="charts")
        figures.append(tag("div", heading, notes(measure.meaning), charts, class_="measure"))
    note = Text(
        "The last bar of each holds all that is larger, up to the largest value.",
        "마지막 막대에는 그보다 큰 값이 모두 들어 있습니다.",
    )
    return join(notes(note), *figures) if figures else Html("")


def _topics_of(file: "FileStats", name: str) -> Html:
    most = max(file.common_topics.values())
    rows = []
    for topic, number in file.common_topics.items():
        bar = tag("span", class_="share", style=f"width: {math.ceil(60 * number / most)}%", aria_hidden="true")
        rows.append([named(topic), join(bar, f"{number:,}")])
    caption = Text(
        f"{name}: {len(rows)} most common of {file.topics:,} topics",
        f"{name}: 주제 {file.topics:,}개 중 가장 많은 {len(rows)}개",
    )
    return tag("div", table(caption, [Text("topic", "주제"), Text("dialogues", "대화 수")], rows, "words"))
