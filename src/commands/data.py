"""`yoyak data`: what is in a data file."""

import json
from collections.abc import Callable

from ..config.loader import load_config
from ..config.schema import Config
from ..errors import YoyakError
from .console import create_console, quiet_libraries


def check(source: str, experiment: str, overrides: list[str], as_json: bool) -> None:
    """Report rows, encoding, bad rows, lengths, and what truncation would cut under an experiment's prompt."""
    from ..data.check import check_file, render

    config = load_config(experiment, overrides)
    lengths, why_not = _prompt_lengths(config)
    report = check_file(source, config.data, lengths, config.tokenizer.encoder_max_len)
    if as_json:
        print(json.dumps(report.as_dict(), ensure_ascii=False))
        return
    console = create_console()
    console.print(render(report))
    if why_not:
        console.print(f"Lengths in tokens are left out: {why_not}", markup=False, soft_wrap=True)


def _prompt_lengths(config: Config) -> tuple[Callable[[list[str]], list[int]] | None, str | None]:
    """Return the function that counts prompt tokens, or why there is none (a tokenizer that can't be had)."""
    quiet_libraries()
    from transformers import AutoTokenizer

    from ..data.templates import create_prompt_template
    from ..models.checkpoints import load_from, resolve_checkpoint
    from .steps import prompt_arguments

    try:
        tokenizer = load_from(resolve_checkpoint(config.model.checkpoint), AutoTokenizer.from_pretrained)
        return create_prompt_template(tokenizer, **prompt_arguments(config)).prompt_lengths, None
    except YoyakError as error:
        return None, str(error)
