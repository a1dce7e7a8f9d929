import pytest

from src.errors import YoyakError
from src.ranks.cards import chosen_cards


@pytest.mark.parametrize(
    ("given", "count", "visible", "cards"),
    [
        ("all", 4, None, ["0", "1", "2", "3"]),
        ("2", 4, None, ["0", "1"]),
        ("0,2", 4, None, ["0", "2"]),
        ("3,", 4, None, ["3"]),
        ("1", 1, "", ["0"]),
        ("all", 2, "5,7", ["5", "7"]),
        ("1,0", 2, "GPU-a,GPU-b", ["GPU-b", "GPU-a"]),
    ],
)
def test_cards_are_all_a_number_or_a_list(given, count, visible, cards):
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    assert chosen_cards(given, count, environment) == cards


@pytest.mark.parametrize(
    ("given", "count", "said"),
    [
        ("2", 0, "--gpus 2: torch sees no GPU here; leave it out, or use the processor with --processes N"),
        ("3", 2, "--gpus 3: there are 2 here, from 0"),
        ("1,2", 2, "--gpus 1,2: there are 2 here, from 0"),
        ("2", 1, "--gpus 2: there is 1 here, from 0"),
        ("0", 2, "--gpus 0: names no GPU; the first one alone is `--gpus 1` or `--gpus 0,`"),
        ("0,0", 2, "--gpus 0,0: names a GPU twice"),
        ("both", 2, "--gpus both: is neither all, nor a number, nor a list such as 0,2"),
        (",", 2, "--gpus ,: is neither all, nor a number, nor a list such as 0,2"),
        ("-1", 2, "--gpus -1: is neither all, nor a number, nor a list such as 0,2"),
    ],
)
def test_cards_that_are_not_there_are_refused(given, count, said):
    with pytest.raises(YoyakError) as refused:
        chosen_cards(given, count, {})
    assert str(refused.value) == said
