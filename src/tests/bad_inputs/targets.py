"""What is fuzzed: each takes an input and raises where yoyak does anything but use it or refuse it in one line."""

import asyncio
import contextlib
import copy
import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from rich.panel import Panel
from rich.table import Table

from src.commands import config as commands_config
from src.commands.screen import Screen
from src.config.loader import load_config
from src.config.provenance import SETTINGS
from src.config.schema import DataSettings
from src.data.files.sources import read_dialogues
from src.errors import YoyakError
from src.evaluation import summary_files
from src.inference.saved_rows import SavedRows
from src.tests.bad_inputs import mutated_tables, mutations
from src.visible import visible

MOST_MESSAGE_CHARS = 2000
NESTED = DataSettings(dialogue_column="body.dialogue", summary_column="body.summary", id_column="header.topic")


@dataclass(frozen=True)
class Target:
    """An input's strategy, and what is done with an input in an empty folder, which is the current one."""

    inputs: st.SearchStrategy[bytes]
    use: Callable[[bytes], None]


@contextlib.contextmanager
def refused_in_one_line() -> Iterator[None]:
    """Let a YoyakError pass that is one printable line, and nothing else."""
    try:
        yield
    except YoyakError as error:
        message = str(error)
        assert message.strip(), "an empty message"
        assert len(message) <= MOST_MESSAGE_CHARS, f"a message of {len(message)} characters"
        assert len(message.splitlines()) == 1, f"a message of several lines: {message!r}"


def reader(suffix: str) -> Callable[[bytes], None]:
    """Return what reads a file of a suffix as dialogues, with all columns and without, and as summaries."""

    def read(content: bytes) -> None:
        path = Path(f"input{suffix}")
        path.write_bytes(content)
        for settings in (DataSettings(), DataSettings(dialogue_column="content", id_column="value"), NESTED):
            with refused_in_one_line():
                table = read_dialogues(str(path), settings)
                assert all(row.dialogue.encode() and row.summary for row in table.rows)
        with refused_in_one_line():
            read_dialogues(str(path), DataSettings(on_bad_rows="drop"), need_summary=False, keep_values=True)
        with refused_in_one_line():
            summaries = summary_files.read_summaries(str(path))
            if "dialogue" in summaries.columns:
                summaries.texts("dialogue")

    return read


def saved_rows(suffix: str) -> Callable[[bytes], None]:
    """Return what goes on from a file of summaries that a stopped run left."""
    rows = [{"fname": "a", "dialogue": "A: hi\nB: yo"}, {"fname": "b", "dialogue": "가: 안녕"}]

    def go_on(content: bytes) -> None:
        path = Path(f"summaries{suffix}")
        path.with_name(f"{path.name}.settings.json").write_text("{}")
        path.write_bytes(content)
        with refused_in_one_line():
            saved = SavedRows(path, rows, ["summary"], {})
            assert len(saved.missing) + len(saved.done) == len(rows)

    return go_on


def config_file(content: bytes) -> None:
    """Load a config file; one that loads must load again from what it says."""
    Path("input.yaml").write_bytes(content)
    if not os.path.exists("base.yaml"):
        Path("base.yaml").write_text(mutations.CONFIG)
    with refused_in_one_line():
        load_config("input.yaml")


def override(content: bytes) -> None:
    """Apply `section.key=value` to a config."""
    text = content.decode("utf-8", "surrogateescape")  # as Python decodes arguments
    if not os.path.exists("short.yaml"):
        Path("short.yaml").write_text("model: {checkpoint: a}")
    with refused_in_one_line():
        load_config("short.yaml", [text])


def config_shown(content: bytes) -> None:
    """Show a config file; what goes to a terminal holds no control character of it, and says what the file says."""
    Path("input.yaml").write_bytes(content)
    if not os.path.exists("base.yaml"):
        Path("base.yaml").write_text(mutations.CONFIG)
    for as_json in (False, True):
        shown = io.StringIO()
        with refused_in_one_line(), contextlib.redirect_stdout(shown):
            commands_config.show_config("input.yaml", [], as_json)
        odd = [character for character in shown.getvalue() if character != "\n" and not character.isprintable()]
        assert not odd, f"control characters: {odd[:5]!r}"
        if as_json and shown.getvalue():
            assert json.loads(shown.getvalue())["config"] == load_config("input.yaml").model_dump()


def adapter_config() -> Callable[[bytes], None]:
    """Return what loads an adapter with a config of `content` onto a tiny model."""
    import warnings

    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from src.models.adapters import load_adapter
    from src.tests.tiny_models import write_tiny_model

    warnings.simplefilter("ignore")  # of PEFT, on settings that are none
    folder = Path("adapter")
    base = AutoModelForCausalLM.from_pretrained(write_tiny_model(Path("base")))
    settings = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    get_peft_model(copy.deepcopy(base), settings).save_pretrained(str(folder))

    def load(content: bytes) -> None:
        (folder / "adapter_config.json").write_bytes(content)
        with refused_in_one_line():
            load_adapter(copy.deepcopy(base), str(folder))

    return load


def on_screen(content: bytes) -> None:
    """Print a text of others, in each way that commands do; nothing in it steers the terminal, or is left out."""
    text = content.decode("utf-8", "surrogateescape")
    shown = io.StringIO()
    screen = Screen(file=shown, width=500, color_system=None)
    table = Table(text, title=text)
    table.add_row(text, style="dim")
    for printed in (text, table, Panel(text)):
        screen.print(printed, soft_wrap=True)
    odd = [character for character in shown.getvalue() if not character.isprintable() and character not in "\n"]
    steering = [character for character in odd if visible(character) != character]
    assert not steering, f"control characters: {steering[:5]!r}"
    letters = "".join(visible(text).split())
    assert letters in "".join(shown.getvalue().split()), "something is left out"


def settings_file(content: bytes) -> None:
    """Go on from a file of summaries whose settings are `content`."""
    Path("kept.jsonl").write_text("")
    Path("kept.jsonl.settings.json").write_bytes(content)
    with refused_in_one_line():
        SavedRows(Path("kept.jsonl"), [{"dialogue": "A: a"}], ["summary"], {"a": 1})


def server() -> Callable[[bytes], None]:
    """Return what takes a body through the server up to its queue, by both routes."""
    from starlette.requests import Request

    from src.data.prompt.templates import create_prompt_template
    from src.serving.bodies import read_json
    from src.serving.errors import ApiError
    from src.serving.schemas import ChatRequest, SummaryRequest
    from src.serving.service import Service
    from src.tests.tiny_models import tiny_config, tiny_tokenizer

    tokenizer = tiny_tokenizer()
    lengths: dict[str, Any] = {"encoder_max_len": 300, "decoder_max_len": 8}
    prompt = create_prompt_template(tokenizer, **lengths, format_type="chat", language="en", chat_template="auto")
    unused: Any = object()
    service = Service(tiny_config("m", experiment__name="m"), unused, tokenizer, prompt)
    headers = [(b"content-type", b"application/json")]

    async def answer(content: bytes, model: Any) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        body = await read_json(Request({"type": "http", "headers": headers}, receive), model, service.limits)
        service.check_model(body.model)
        if isinstance(body, ChatRequest):
            dialogues = [service.reader.dialogue_of(body.messages)]
        else:
            dialogues = body.dialogues or [body.dialogue]
        for encoded in await service.encode(dialogues, body, "dialogues"):
            service.job(encoded, body)

    def take(content: bytes) -> None:
        for model in (ChatRequest, SummaryRequest):
            try:
                loop.run_until_complete(answer(content, model))
            except ApiError as error:
                _check(error.status, error.message, error.encoded())

    loop = asyncio.new_event_loop()
    return take


def _check(status: int, message: str, encoded: bytes) -> None:
    assert 400 <= status < 500, status
    assert 0 < len(message) < 500, f"a message of {len(message)} characters"
    assert encoded


TARGETS: dict[str, Callable[[], Target]] = {
    "csv": lambda: Target(mutated_tables.csv_files(","), reader(".csv")),
    "tsv": lambda: Target(mutated_tables.csv_files("\t"), reader(".tsv")),
    "json": lambda: Target(mutated_tables.json_files(), reader(".json")),
    "jsonl": lambda: Target(mutated_tables.json_lines_files(), reader(".jsonl")),
    "parquet": lambda: Target(mutated_tables.parquet_files(), reader(".parquet")),
    "parquet_dictionaries": lambda: Target(mutated_tables.parquet_dictionaries(), reader(".parquet")),
    "saved_csv": lambda: Target(mutated_tables.csv_files(","), saved_rows(".csv")),
    "saved_jsonl": lambda: Target(mutated_tables.json_lines_files(), saved_rows(".jsonl")),
    "saved_settings": lambda: Target(mutated_tables.json_files(), settings_file),
    "config": lambda: Target(mutations.config_files(), config_file),
    "config_shown": lambda: Target(mutations.config_files(), config_shown),
    "screen": lambda: Target(mutations.screen_texts(), on_screen),
    "adapter_config": lambda: Target(mutations.adapter_configs(), adapter_config()),
    "override": lambda: Target(mutations.overrides(list(SETTINGS)), override),
    "server": lambda: Target(mutations.bodies(), server()),
}
"""By name, made when it is asked for: the server's imports are heavy."""
