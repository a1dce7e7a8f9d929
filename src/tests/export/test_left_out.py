"""What of the generation settings an export leaves out."""

from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("fp32_machine")


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("adapter", "generation.num_beams=4, generation.repetition_penalty=1.2"),
        ("gguf-lora", "generation.num_beams=4, generation.repetition_penalty=1.2"),
        ("ollama", "generation.num_beams=4"),  # whose Modelfile has the penalty
    ],
)
def test_what_decodes_here_and_not_elsewhere_is_said(yoyak: Any, trained_once: Any, to: str, said: str) -> None:
    trained_once("evaluation.generate=true")
    run = "outputs/tiny_qlora/final_model"
    settings = "generation.num_beams=4", "generation.repetition_penalty=1.2"
    result = yoyak("export", "--adapter", run, "--to", to, "--out", "new", *settings)
    assert result.code == 0
    assert f"Other programs generate without {said} unless you tell them" in " ".join(result.err.split())
    assert "Other programs" not in yoyak("export", "--adapter", run, "--to", to, "--out", "greedy").err
