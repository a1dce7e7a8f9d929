"""Summaries that run into the limit in a loop: which they are, and what is kept of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.config.schema import DataSettings, GenerationSettings
from src.data.files.sources import load_dialogues
from src.data.llm_dataset import create_llm_dataset
from src.inference import generator
from src.inference.generator import generate_summaries
from src.inference.loops import loops_note, tokens_before_repetition
from src.resources import sample_dir
from src.tests.tiny_models import DIALOGUES, SUMMARIES, load_tiny, tiny_config, write_tiny_model

END = 0


@pytest.mark.parametrize(
    ("ids", "kept"),
    [
        ([], None),
        ([7] * 11, None),
        ([7] * 12, 1),
        ([5, 6] + [7] * 12, 3),
        ([5, 6, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3], 5),
        ([5, 6, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2], 5),  # cut within a cycle
        ([1, 2, 3, 4, 5, 6] * 3, 6),
        ([9, *range(10, 33), *range(10, 33), *range(10, 32)], None),  # not yet a third time
        ([9, *range(10, 33), *range(10, 33), *range(10, 33)], 24),
        ([9, *range(10, 34), *range(10, 34), 10], 25),  # as long as a sentence: twice, and begun again
        ([9, *range(10, 34), *range(10, 34)], None),
        ([9, *range(10, 34), *range(10, 34), 11], None),
        ([9, *range(10, 34), *range(10, 34), 10, END], None),
        ([*range(100, 200)] * 2 + [100, 101], 100),
        ([7] * 40 + [8], None),  # it went on
        ([7] * 40 + [END], None),  # laughter, and an end
        ([7, 99, *[END] * 20], None),  # an end, and padding behind it, as transformers gives it
        ([1, 5, 6, 2, 5, 6, 3, 5, 6, 4, 5, 6], None),  # a list whose numbers rise
    ],
)
def test_a_loop_is_a_cycle_three_times_or_a_long_one_twice_up_to_the_limit(ids, kept):
    assert tokens_before_repetition(ids, [END, 99]) == kept


@given(st.lists(st.integers(1, 3), max_size=90), st.integers(1, 40), st.integers(0, 90))
def test_what_is_left_out_is_a_copy_of_what_is_kept(ids, cycle, more):
    ids = ids + [ids[-cycle:][place % len(ids[-cycle:])] for place in range(more)] if ids else ids
    kept = tokens_before_repetition(ids, [END])
    if kept is not None:
        periods = [period for period in range(1, kept + 1) if ids[kept:] == ids[kept - period : -period]]
        assert periods
        assert len(ids) - kept >= min(periods)


def test_summaries_that_people_wrote_have_no_loop_wherever_a_limit_cuts_them():
    """By bytes, of which the fewest words make a long cycle."""
    texts = {
        row.summary for path in sample_dir().glob("*/*.csv") for row in load_dialogues(str(path), DataSettings()).rows
    }
    assert len(texts) > 200
    for text in texts:
        ids = list(text.encode())
        assert [end for end in range(len(ids)) if tokens_before_repetition(ids[:end], []) is not None] == [], text


WAYS = [{}, {"num_beams": 2}, {"do_sample": True, "temperature": 0.05, "seed": 1}]


@pytest.fixture(scope="module")
def looping(tmp_path_factory):
    """A tiny model that was not trained: some of its summaries go round in circles."""
    folder = tmp_path_factory.mktemp("looping")
    config = tiny_config(write_tiny_model(folder / "base"), folder, lora__use_qlora=False)
    model, tokenizer = load_tiny(config)
    dataset = create_llm_dataset(DIALOGUES, SUMMARIES, tokenizer, decoder_max_len=60, format_type="chat", language="en")
    return model, tokenizer, dataset.prompt


def both(looping, **way):
    """Return the summaries with their repetition and without."""
    return [
        generate_summaries(*looping, DIALOGUES, GenerationSettings(truncate_repetition=truncate, **way))
        for truncate in (False, True)
    ]


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("fast", [True, False], ids=["our decoder", "transformers"])
def test_the_repetition_of_a_loop_is_cut_off_and_nothing_else(looping, monkeypatch, way, fast):
    if not fast:
        monkeypatch.setattr(generator, "generates_fast", lambda model: False)
    whole, truncated = both(looping, **way)
    assert {result.looped for result in truncated} == {True, False}
    for before, after in zip(whole, truncated, strict=True):
        assert (after.looped, after.ended) == (before.looped, before.ended)
        if after.looped:
            rest = before.text.removeprefix(after.text)
            assert len(rest) < len(before.text) > len(after.text) > 0
            assert not after.ended
        else:
            assert after == before


def test_the_first_cycle_is_kept(looping):
    whole, truncated = both(looping)
    assert whole[0].text.endswith("2" * 50)
    assert truncated[0].text == whole[0].text.rstrip("2") + "2"


def test_mbr_takes_its_candidates_as_they_are(looping):
    whole, truncated = both(looping, mbr_samples=2, mbr_temperature=0.05)
    assert whole == truncated
    assert any(result.looped for result in whole)


def test_batches_change_nothing(looping):
    one, three = (generate_summaries(*looping, DIALOGUES, GenerationSettings(batch_size=size)) for size in (1, 3))
    assert one == three


def test_a_note_tells_what_became_of_loops():
    assert loops_note(1, False) == "1 summary ran into tokenizer.decoder_max_len in a loop"
    cut = "2 summaries ran into tokenizer.decoder_max_len in a loop, whose repetition was cut off"
    assert loops_note(2, True) == cut
