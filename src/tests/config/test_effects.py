"""Settings of generation that change no summary beside the others."""

import pytest

from src.config.effects import without_effect
from src.config.schema import GenerationSettings


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, []),
        ({"temperature": 0.5, "top_p": 0.9, "top_k": 3, "seed": 1}, ["temperature", "top_p", "top_k", "seed"]),
        ({"temperature": 0.5, "top_p": 0.9, "top_k": 3, "seed": 1, "do_sample": True}, []),
        ({"temperature": 0.5, "top_p": 0.9, "seed": 1, "mbr_samples": 4, "mbr_temperature": 0.7}, ["temperature"]),
        ({"mbr_temperature": 0.7, "mbr_references": "start"}, ["mbr_temperature", "mbr_references"]),
        ({"mbr_metric": "chrf"}, []),  # of several models' summaries
        ({"length_penalty": 2.0}, ["length_penalty"]),
        ({"length_penalty": 2.0, "num_beams": 2, "min_new_tokens": 2, "repetition_penalty": 2.0}, []),
    ],
)
def test_what_changes_no_summary(settings, names):
    found = without_effect(GenerationSettings(**settings))
    assert [sentence.partition(" ")[0] for sentence in found] == [f"generation.{name}" for name in names]
