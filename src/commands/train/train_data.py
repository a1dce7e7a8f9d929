"""The data files of a run: read at its start, looked at again at its end; both are said and put into `run.json`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...bilingual import Text, count, joined
from ...runs.schema import RunRecord, SplitData
from .folder import RunContext

if TYPE_CHECKING:
    from ...data.files.sources import DialogueRow, DialogueTable


def load_tables(run: RunContext) -> "dict[str, DialogueTable]":
    """Read training and evaluation files, and record what was read and dropped."""
    from ...data.files.sources import load_dialogues
    from ...data.prompt.prompts import refuse_instructions
    from ...data.prompt.reasoning import without_reasoning
    from ...runs.data_watch import fingerprint

    settings = run.config.data
    tables = {}
    for split, source, most in (
        ("train", settings.train, settings.max_train_examples),
        ("eval", settings.eval, settings.max_eval_examples),
    ):
        digest = fingerprint(source)
        table = tables[split] = load_dialogues(source, settings).first(most)
        refuse_instructions(table.source, table.rows[0].dialogue)
        read = SplitData(
            source=source,
            sha256=digest,
            rows=len(table.rows),
            encoding=table.encoding,
            dropped=table.dropped_by_reason(),
            duplicate_dialogues=table.duplicate_dialogues,
        )
        if reasoned := sum(without_reasoning(row.summary)[1] for row in table.rows):
            note = "%s: %d summaries hold tags of reasoning such as <think>, which are learned as part of them"
            run.logger.warning(note, split, reasoned)
        run.file.update(RunRecord(data={split: read}))
        lost = joined(_lost(table), between="")
        of_all = Text(count(len(table.rows), "dialogue"), f"대화 {len(table.rows):,}개")
        run.logger.info("%s: %s from %s (%s)%s", split, of_all, source, table.encoding, lost)
    known = trained_on(tables["train"].rows, tables["eval"].rows)
    run.file.update(RunRecord(data={"eval": SplitData(trained_on=known)}))
    if known:
        note = "eval: %d of %d dialogues are in the training data too, so that its scores are too good"
        run.logger.warning(note, known, len(tables["eval"].rows))
    return tables


def _lost(table: "DialogueTable") -> list[Text]:
    return [Text(f", dropped {count} ({why})", f", {count}개 뺌({why.ko})") for count, why in table.losses()]


def trained_on(train: "Sequence[DialogueRow]", evaluated: "Sequence[DialogueRow]") -> int:
    """Return how many evaluation dialogues are trained on, but for white space and capitals."""
    known, asked = ([" ".join(row.dialogue.casefold().split()) for row in rows] for rows in (train, evaluated))
    trained = set(known)
    return sum(dialogue in trained for dialogue in asked)


def note_changed_data(run: RunContext) -> None:
    """Record and say which data files are not any more what the run has read; it goes by what it read."""
    from ...runs.data_watch import fingerprint

    for split, read in run.file.record.data.items():
        if read.source and read.sha256 and fingerprint(read.source) != read.sha256:
            run.file.update(RunRecord(data={split: SplitData(changed_during_run=True)}))
            run.logger.warning("%s: changed during the run, which used what it held at the start", read.source)


def note_other_data(run: RunContext, earlier: Path) -> None:
    """Say which data files are not any more what an earlier run has read, in a folder, whose model goes on here."""
    from ...runs.record import read_record

    record = read_record(earlier)
    for split, read in run.file.record.data.items():
        before = record.data.get(split) if record else None
        if before is None or not (read.source and read.sha256 and before.source and before.sha256):
            continue
        if Path(read.source).name == Path(before.source).name and read.sha256 != before.sha256:
            run.logger.warning("%s: has changed since %s was trained", read.source, earlier)
