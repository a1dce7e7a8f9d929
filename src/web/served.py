"""Models that the studio serves to try them: `yoyak serve` in a process of its own, found again after a restart."""

import hashlib
import json
import shlex
import socket
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from ..bilingual import Text
from ..config.unread import read_by_serving
from ..errors import YoyakError
from ..runs.record import read_record
from ..runs.schema import RunRecord
from .place import PageError
from .processes import StartedCommand
from .refinings import start_of_refining, words_of
from .run_actions import resume_words
from .studio import Studio

TRIED = {"base": Text("Base model", "기본 모델"), "tuned": Text("Trained model", "학습한 모델")}
LONGEST_DIALOGUE_CHARS = 100_000
_IN_4BIT = {"--use_qlora": "lora.use_qlora=true", "--no-use_qlora": "lora.use_qlora=false"}
_LONGEST_WAIT = httpx.Timeout(150.0, connect=3.0)


class Served:
    """The servers of a studio; clients of this user's other programs can't guess their key."""

    def __init__(self, studio: Studio, token: str) -> None:
        """Serve what `studio` starts; `token` is what the key is made of."""
        self._studio = studio
        self._key = hashlib.sha256(f"serve:{token}".encode()).hexdigest()[:40]

    def find(self, name: str, which: str) -> StartedCommand | None:
        """Return the server of a run's model where its process runs."""
        running = self._running(name, which)
        return running if running is not None and not self._is_of_earlier_run(name, running) else None

    def _running(self, name: str, which: str) -> StartedCommand | None:
        started = self._studio.processes.latest(name, f"serve-{which}")
        return started if started is not None and self._studio.processes.is_running(started) else None

    def _is_of_earlier_run(self, name: str, started: StartedCommand) -> bool:
        """Tell whether the run's final model is younger than its server, which then holds that of a run before it."""
        with suppress(OSError):
            return (self._studio.place.run(name) / "final_model").stat().st_mtime > started.began
        return False

    def start(self, name: str, which: str) -> StartedCommand:
        """Serve a run's trained model, or its base model.

        Raises:
            YoyakError: there is no final model, or the record doesn't say what the base model's settings are.
        """
        folder = self._studio.place.run(name)
        if (running := self.find(name, which)) is not None:
            return running
        if (earlier := self._running(name, which)) is not None:
            self._studio.processes.stop(earlier)
        if which == "tuned":
            if not (folder / "final_model").is_dir():
                raise YoyakError(f"{folder}: has no final model yet")
            words = ["serve", "--adapter", str(folder / "final_model")]
        else:
            words = ["serve", *_before_training(folder)]
        words += ["--port", str(_free_port()), "--truncate"]
        return self._studio.processes.start(f"serve-{which}", name, words, {"YOYAK_API_KEY": self._key})

    async def is_ready(self, started: StartedCommand) -> bool:
        """Tell whether a server takes requests."""
        with suppress(httpx.HTTPError):
            async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
                return (await client.get(f"{address_of(started)}/readyz")).status_code == 200
        return False

    async def ask(self, started: StartedCommand, dialogue: str) -> AsyncIterator[str]:
        """Yield lines of JSON: `text` as it comes, then `done` with tokens, seconds and what was cut, or `error`."""
        body = {"messages": [{"role": "user", "content": dialogue}], "stream": True}
        body |= {"stream_options": {"include_usage": True}}
        began, done = time.monotonic(), dict[str, Any]()
        headers = {"Authorization": f"Bearer {self._key}"}
        try:
            async with (
                httpx.AsyncClient(timeout=_LONGEST_WAIT, trust_env=False) as client,
                client.stream(
                    "POST", f"{address_of(started)}/v1/chat/completions", json=body, headers=headers
                ) as answer,
            ):
                if answer.status_code != 200:
                    yield _line(error=json.loads(await answer.aread())["error"]["message"])
                    return
                async for line in answer.aiter_lines():
                    if line.startswith("data: {"):
                        event = json.loads(line[6:])
                        if "error" in event:
                            yield _line(error=event["error"]["message"])
                            return
                        done |= {"tokens_cut": event["truncation"]["tokens_cut"]} if "truncation" in event else {}
                        done |= {"tokens": event["usage"]["completion_tokens"]} if event.get("usage") else {}
                        for choice in event["choices"]:
                            if choice["delta"].get("content"):
                                yield _line(text=choice["delta"]["content"])
        except (httpx.HTTPError, ValueError, KeyError) as error:
            yield _line(error=f"the server did not answer ({type(error).__name__})")
            return
        yield _line(done=done | {"seconds": round(time.monotonic() - began, 2)})


def _before_training(folder: Path) -> list[str]:
    """Return what names the model with which a run began: of a refining the trained one, of a trial its search's."""
    record = read_record(folder) or RunRecord()
    if (start := start_of_refining(record)) is not None:
        return ["--adapter", str(start)]
    words = words_of(record)
    if words[:1] == ["search"]:
        named = [after for word, after in pairwise(words) if word in ("--experiment", "-e")]
        return ["--experiment", *named[:1], *_read(word for word in words[1:] if not word.startswith("-"))]
    words = resume_words(folder)[1:-1]
    place = words.index("--experiment") if "--experiment" in words else None
    named = [] if place is None else words[place : place + 2]
    named += [word for word in words if word.startswith("--experiment=")]
    in_4bit = [_IN_4BIT[word] for word in words if word in _IN_4BIT]
    return [*named, *_read(words), *in_4bit]


def _read(words: Iterable[str]) -> list[str]:
    """Return the settings among the words of a command that a server reads: it refuses the others."""
    return read_by_serving([word for word in words if "=" in word and not word.startswith("-")])


def _line(**content: Any) -> str:
    return json.dumps(content) + "\n"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def address_of(started: StartedCommand) -> str:
    """Return the address of a server."""
    return f"http://127.0.0.1:{started.command[started.command.index('--port') + 1]}"


def checked_dialogue(body: bytes) -> str:
    """Return a dialogue that was sent as text; PageError (400) where it is none."""
    try:
        dialogue = body.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise PageError(400, Text("This is no text.", "텍스트가 아닙니다.")) from None
    if not dialogue:
        raise PageError(400, Text("Write a dialogue.", "대화를 적어 주세요."))
    if len(dialogue) > LONGEST_DIALOGUE_CHARS:
        raise PageError(413, Text("The dialogue is too long.", "대화가 너무 깁니다."))
    return dialogue


def request_examples(folder: Path) -> tuple[str, str]:
    """Return the same as a command, and as a program with OpenAI's client."""
    serve = shlex.join(["yoyak", "serve", "--adapter", str(folder / "final_model")])
    curl = (
        f"{serve}\n\ncurl http://127.0.0.1:8000/v1/summaries \\\n  -H 'Content-Type: application/json' \\\n"
        """  -d '{"dialogue": "Anna: Shall we go?\\nBen: At five."}'"""
    )
    python = (
        "from openai import OpenAI\n\n"
        'client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none")\n'
        f'answer = client.chat.completions.create(model="{folder.name}", messages=[\n'
        '    {"role": "user", "content": "Anna: Shall we go?\\nBen: At five."},\n'
        "])\nprint(answer.choices[0].message.content)"
    )
    return curl, python
