"""A search of many trials holds one model at a time."""

import gc

import pytest
from transformers import PreTrainedModel

from src.commands.search import loop
from src.models import cpu_memory
from src.tests.commands.search.test_search import SEARCH, learning  # noqa: F401


def models():
    return {id(one) for one in gc.get_objects() if isinstance(one, PreTrainedModel)}


@pytest.mark.long
def test_a_trial_leaves_no_model_behind(yoyak, learning, monkeypatch):  # noqa: F811
    """Neither one that has paused nor one that has ended; and malloc gives back what it keeps of them."""
    left, given, before = [], [], models()
    free, give_back = loop.free_memory, cpu_memory.give_back_freed_memory

    def freed():
        free()
        left.append(len(models() - before))

    monkeypatch.setattr(loop, "free_memory", freed)
    monkeypatch.setattr(cpu_memory, "give_back_freed_memory", lambda: given.append(give_back()))
    assert yoyak(*SEARCH, "search.trials=2", "search.pauses_share=1000").code == 0
    assert left == [0, 0, 0]  # the config as it is, and a trial to its pause and to its end
    assert len(given) >= 3
