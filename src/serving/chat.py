"""Answers of `/v1/chat/completions`, whole and as a stream of server-sent events."""

import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from .dialogues import EncodedDialogue
from .errors import ApiError
from .following import Followed
from .jobs import GenerationJob
from .service import Service


def completion(service: Service, job: GenerationJob, encoded: EncodedDialogue) -> dict[str, Any]:
    """Return a finished job as a `chat.completion`."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": service.text(job), "refusal": None},
        "logprobs": None,
        "finish_reason": job.finish,
    }
    return (
        _head(service, "chat.completion")
        | {"choices": [choice], "usage": _usage(job)}
        | _left_out(service, job, encoded)
    )


class EventStream(StreamingResponse):
    """Server-sent events; `on_close` is called however the response ends."""

    def __init__(self, events: AsyncIterator[str], on_close: Callable[[], None]) -> None:
        """Send `events` as they come; nothing on the way may store them."""
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._on_close = on_close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until they end or the client leaves."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._on_close()


async def completion_events(
    service: Service, followed: Followed, encoded: EncodedDialogue, include_usage: bool
) -> AsyncIterator[str]:
    """Yield the events of one job as `chat.completion.chunk`; a failure on the way is an event too."""
    job, head = followed.jobs[0], _head(service, "chat.completion.chunk")
    stream = service.text_stream(job)

    def event(delta: dict[str, Any], finish: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event(head | {"choices": [choice]} | ({"usage": None} if include_usage else {}) | more)

    yield event({"role": "assistant", "content": ""})
    try:
        async for _ in followed.progress():
            # Asked first: a job that ends meanwhile has another turn.
            is_whole = job.finish is not None
            piece = stream.piece(job.generated, is_whole)
            if piece:
                yield event({"content": piece})
            if is_whole:
                break
    except ApiError as error:
        yield _event(error.body())
        return
    yield event({}, job.finish, **_left_out(service, job, encoded))
    if include_usage:
        yield _event(head | {"choices": [], "usage": _usage(job)})
    yield "data: [DONE]\n\n"


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


def _head(service: Service, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": service.name,
        "system_fingerprint": None,
    }


def _usage(job: GenerationJob) -> dict[str, int]:
    read, generated = len(job.prompt), len(job.generated)
    return {"prompt_tokens": read, "completion_tokens": generated, "total_tokens": read + generated}


def _left_out(service: Service, job: GenerationJob, encoded: EncodedDialogue) -> dict[str, Any]:
    """Return what of the dialogue, or of what the model wrote, was left out: fields that OpenAI does not have."""
    said: dict[str, Any] = {}
    if encoded.tokens_cut:
        said["truncation"] = {"turns_cut": encoded.turns_cut, "tokens_cut": encoded.tokens_cut}
    if service.left_out_reasoning(job):
        said["reasoning_removed"] = True
    return said
