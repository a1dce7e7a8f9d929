"""What a run says of its data files."""

from src.bilingual import joined
from src.commands.train.train_data import _lost, trained_on
from src.data.files.records import BadRow
from src.data.files.sources import DialogueRow, DialogueTable


def table(*dialogues: str) -> DialogueTable:
    rows = [DialogueRow(f"row_{number}", dialogue, "s") for number, dialogue in enumerate(dialogues)]
    return DialogueTable("file.csv", "utf-8", rows=rows)


def test_evaluation_dialogues_that_are_trained_on_are_counted():
    train = table("Ann: Hi there\nBen: Yes.", "Ann: No.")
    assert trained_on(train.rows, table("ANN: hi  there\n\nBen: yes.", "Ann: No.", "Ann: No!").rows) == 2
    assert trained_on(train.rows, table("Ann: No?").rows) == 0


def test_rows_that_were_left_out_are_said_in_both_languages():
    read = table("Ann: Hi.")
    for bad in (BadRow(2, "no dialogue"), BadRow(3, "no dialogue"), BadRow(4, "broken quoting", lines=2)):
        read.drop(bad)
    said = joined(_lost(read), between="")
    assert said == ", dropped 2 (no dialogue), dropped 1 (broken quoting, 2 lines)"
    assert said.ko == ", 2개 뺌(대화 없음), 1개 뺌(따옴표가 맞지 않음, 2줄)"
