"""What a run says of its data files."""

from src.commands.train.train_data import _trained_on
from src.data.files.sources import DialogueRow, DialogueTable


def table(*dialogues: str) -> DialogueTable:
    rows = [DialogueRow(f"row_{number}", dialogue, "s") for number, dialogue in enumerate(dialogues)]
    return DialogueTable("file.csv", "utf-8", rows=rows)


def test_evaluation_dialogues_that_are_trained_on_are_counted():
    train = table("Ann: Hi there\nBen: Yes.", "Ann: No.")
    assert _trained_on(train, table("ANN: hi  there\n\nBen: yes.", "Ann: No.", "Ann: No!")) == 2
    assert _trained_on(train, table("Ann: No?")) == 0
