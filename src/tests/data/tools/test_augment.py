"""Renamed copies, and rows under five instructions."""

import re

import pytest

from src.data.files.sources import DialogueRow
from src.data.llm_dataset import create_llm_dataset
from src.data.prompt.turns import turns_of
from src.data.tools.augment import instruction_messages, rename_speakers, replace_names
from src.data.tools.augment_names import NEW_NAMES, NEW_SURNAMES
from src.data.tools.augment_speakers import find_speakers
from src.tests.data.rows import sample_rows, shared_rows
from src.tests.real_tokenizers import smollm2_tokenizer

EN = DialogueRow(
    "e1",
    "Maya: Ben, did Mr. Okafor call?\nBen: He did, Maya. Mr. Okafor's train is late.\nMr. Okafor: I'm here!",
    "Ben tells Maya that Mr. Okafor's train is late.",
    "trains",
)
KO = DialogueRow(
    "k1",
    "김 대리: 수빈 씨, 자료 왔어요?\n수빈: 네, 김 대리님. 지호가 수빈이랑 보냈대요.\n"
    "김 대리: 지호야, 고마워.\n지호: 네.",
    "수빈은 김 대리에게 지호와 자료를 보냈다고 말한다.",
)


def renamed(row, names):
    speakers, _ = find_speakers(row.dialogue, row.summary)
    return replace_names(row.dialogue, speakers, names), replace_names(row.summary, speakers, names)


def test_english_names_change_in_dialogue_and_summary():
    assert renamed(EN, {"Maya": "Quinn", "Ben": "Alex", "Mr. Okafor": "Larsen"}) == (
        "Quinn: Alex, did Mr. Larsen call?\nAlex: He did, Quinn. Mr. Larsen's train is late.\nMr. Larsen: I'm here!",
        "Alex tells Quinn that Mr. Larsen's train is late.",
    )


def test_korean_names_change_with_their_particles():
    assert renamed(KO, {"김 대리": "허", "수빈": "민서", "지호": "은우"}) == (
        "허 대리: 민서 씨, 자료 왔어요?\n민서: 네, 허 대리님. 은우가 민서랑 보냈대요.\n"
        "허 대리: 은우야, 고마워.\n은우: 네.",
        "민서는 허 대리에게 은우와 자료를 보냈다고 말한다.",
    )


def test_names_that_change_places_do_not_meet():
    assert renamed(EN, {"Maya": "Ben", "Ben": "Maya", "Mr. Okafor": "Okafor"})[1] == (
        "Maya tells Ben that Mr. Okafor's train is late."
    )


def test_placeholders_in_korean_take_the_particles_of_the_name():
    row = DialogueRow(
        "p", "#Person1#: 안녕.\n#Person2#: 응.", "#Person1#은 #Person2#를 만나고, #Person2#는 #Person1#과 걷는다."
    )
    names = {"#Person1#": "현서", "#Person2#": "유진"}
    assert renamed(row, names) == ("현서: 안녕.\n유진: 응.", "현서는 유진을 만나고, 유진은 현서와 걷는다.")


def test_copies_differ_and_come_from_the_seed():
    result = rename_speakers([EN, KO], 3, seed=1)
    assert [copy.row.fname for copy in result.copies] == [
        "e1_renamed1", "e1_renamed2", "e1_renamed3", "k1_renamed1", "k1_renamed2", "k1_renamed3"
    ]  # fmt: skip
    assert [copy.source for copy in result.copies] == [0, 0, 0, 1, 1, 1]
    assert result.rows_without == 0
    names = [name for copy in result.copies[:3] for name in copy.labels.values()]
    assert len(names) == len(set(names)) == 9
    assert rename_speakers([EN, KO], 3, seed=1) == result
    assert rename_speakers([EN, KO], 3, seed=2) != result
    assert all(copy.row.topic == "trains" for copy in result.copies[:3])


def test_copies_of_a_file_with_copies_have_ids_of_their_own():
    (first,) = rename_speakers([EN], 1).copies
    second = rename_speakers([EN, first.row], 2).copies
    assert [copy.row.fname for copy in second] == [
        "e1_renamed2", "e1_renamed3", "e1_renamed1_renamed1", "e1_renamed1_renamed2"
    ]  # fmt: skip


def test_a_speaker_who_is_called_gets_a_name_that_ends_in_a_vowel():
    for seed in range(10):
        (copy,) = rename_speakers([KO], 1, seed).copies
        assert f"{copy.labels['지호']}야, 고마워" in copy.row.dialogue


def test_new_names_are_not_in_the_text_already():
    text = " ".join(name for name in NEW_NAMES["en"] if name not in ("Quinn", "Toby"))
    row = DialogueRow("r", f"Maya: {text.lower()}.\nBen: Maya?\nBen: x", "Maya and Ben talk.")
    (copy,) = rename_speakers([row], 2, 0).copies  # the second copy would need two more names
    assert set(copy.labels.values()) == {"Quinn", "Toby"}


def test_rows_without_a_name_have_no_copy_and_reasons_are_counted():
    rows = [DialogueRow("r", "Clerk: Next.\n손님: 네.\nClerk: Bye.", "A customer comes."), EN]
    result = rename_speakers(rows, 1)
    assert result.rows_without == 1
    assert result.kept_speakers == {"not a name": 1, "not known to be a name": 1}


@pytest.mark.parametrize("language", ["en", "ko"])
def test_samples_keep_their_turns_and_lose_every_old_name(language):
    rows = [DialogueRow(row["fname"], row["dialogue"], row["summary"]) for row in sample_rows(language)]
    check_copies(rows, at_least=20)


def test_placeholders_of_a_korean_data_set():
    rows = [DialogueRow(row["fname"], row["dialogue"], row["summary"]) for row in shared_rows(300)]
    check_copies(rows, at_least=150)


def check_copies(rows, at_least):
    copies = rename_speakers(rows, 1).copies
    assert len(copies) >= at_least
    pool = {name for names in (*NEW_NAMES.values(), *NEW_SURNAMES.values()) for name in names}
    for copy in copies:
        before, after = rows[copy.source], copy.row
        old_labels = [speaker for speaker, _ in turns_of(before.dialogue)]
        new_labels = [speaker for speaker, _ in turns_of(after.dialogue)]
        assert new_labels == [copy.labels.get(label, label) for label in old_labels]
        assert len(set(new_labels)) == len(set(old_labels))
        for old, new in copy.labels.items():
            assert not re.search(rf"(?<!\w){re.escape(old)}(?!\w)", f"{after.dialogue}\n{after.summary}")
            assert set(new.split()) & pool


def test_instructions_are_those_that_training_shows():
    messages = instruction_messages(EN, "en")
    assert [one[1]["content"].split("\n")[0] for one in messages] == [
        "Please summarize the following dialogue:",
        "Write down the key points of the dialogue below.",
        "Read the following dialogue and sum up what matters in one or two sentences.",
        "Summarize who talks about what in the dialogue below, and how it ends.",
        "State briefly what the given dialogue is about.",
    ]
    tokenizer = smollm2_tokenizer()
    trained = create_llm_dataset(
        [EN.dialogue], [EN.summary], tokenizer, format_type="chat", language="en", use_instruction_augmentation=True
    )
    for index, (system, user, assistant) in enumerate(messages):
        text = tokenizer.decode(trained[index]["input_ids"])
        assert text == "".join(
            f"<|im_start|>{one['role']}\n{one['content']}<|im_end|>{'' if one is assistant else chr(10)}"
            for one in (system, user, assistant)
        )
