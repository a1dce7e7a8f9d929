"""`yoyak summarize`: the summary of one dialogue."""

import json
import sys
from pathlib import Path

from ..errors import YoyakError
from .console import create_console


def summarize(text: str, experiment: str | None, adapter: str | None, overrides: list[str], as_json: bool) -> None:
    """Print the summary of a dialogue given as text, as a file, or on standard input."""
    from ..inference.generator import generate_summaries
    from .model import load_for_use

    dialogue = read_dialogue(text)
    loaded = load_for_use(experiment, adapter, overrides, create_console(stderr=True))
    settings = loaded.config.generation
    result = generate_summaries(loaded.model, loaded.tokenizer, loaded.prompt, [dialogue], settings)[0]
    counts = loaded.prompt.counts
    if counts.prompts_cut:
        print(f"yoyak: the dialogue is too long: {counts.turns_cut} turns were left out", file=sys.stderr)
    if as_json:
        print(json.dumps({"summary": result.text, "ended": result.ended, **counts.as_dict()}, ensure_ascii=False))
    else:
        print(result.text)


def read_dialogue(text: str) -> str:
    """Return the dialogue that `text` is, or that the file of that name or standard input (`-`) holds."""
    if text == "-":
        dialogue = sys.stdin.read()
    elif "\n" not in text and len(text) < 1000 and Path(text).is_file():
        try:
            dialogue = Path(text).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise YoyakError(f"{text}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    elif "\n" not in text and " " not in text.strip() and Path(text).suffix in (".txt", ".md", ".csv", ".json"):
        raise YoyakError(f"{text}: no such file")
    else:
        dialogue = text.replace("\\n", "\n")
    if not dialogue.strip():
        raise YoyakError("the dialogue is empty")
    return dialogue
