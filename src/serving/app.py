"""The server's routes: what each URL takes and answers."""

import time
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from .bodies import read_json
from .chat import EventStream, completion, completion_events
from .errors import ApiError, generation_failed
from .following import Followed
from .guard import Guard
from .metrics import CONTENT_TYPE
from .schemas import ChatRequest, SummariesResponse, SummaryRequest, SummaryResponse
from .service import Service


def create_app(service: Service, api_key: str | None = None, hosts: Iterable[str] | None = None) -> Guard:
    """Return the ASGI application of a service (`api_key` and `hosts` as `Guard` takes them)."""
    app = FastAPI(openapi_url=None)  # no pages with documentation either: they load scripts from another host
    app.add_exception_handler(ApiError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)
    app.add_exception_handler(Exception, _answer_fault)
    _add_completions(app, service)
    _add_summaries(app, service)
    _add_models(app, service)
    _add_checks(app, service)
    return Guard(app, api_key=api_key, hosts=hosts, metrics=service.metrics)


def _add_completions(app: FastAPI, service: Service) -> None:
    @app.post("/v1/chat/completions", response_model=None)
    async def chat_completions(request: Request) -> Response | dict[str, Any]:
        """Summarize the dialogue that is the user message."""
        body = await read_json(request, ChatRequest, service.limits)
        service.check_model(body.model)
        encoded = (await service.encode([service.reader.dialogue_of(body.messages)], body, "messages"))[0]
        jobs = [service.job(encoded, body)]
        if not body.stream:
            async with Followed(service.scheduler, jobs, service.limits.timeout_seconds) as followed:
                await followed.finished(request)
            return completion(service, jobs[0], encoded)
        followed = Followed(service.scheduler, jobs, service.limits.timeout_seconds, each_token=True)
        followed.submit()
        try:
            await followed.started(request)  # until here a failure has its own status code
        except BaseException:
            followed.give_up()
            raise
        include_usage = body.stream_options is not None and body.stream_options.include_usage
        return EventStream(completion_events(service, followed, encoded, include_usage), followed.give_up)


def _add_summaries(app: FastAPI, service: Service) -> None:
    @app.post("/v1/summaries")
    async def summaries(request: Request) -> SummaryResponse | SummariesResponse:
        """Summarize one dialogue or several."""
        body = await read_json(request, SummaryRequest, service.limits)
        service.check_model(body.model)
        dialogues, param = ([body.dialogue], "dialogue") if body.dialogue is not None else (body.dialogues, "dialogues")
        assert dialogues is not None
        encoded = await service.encode(dialogues, body, param)
        jobs = [service.job(one, body) for one in encoded]
        async with Followed(service.scheduler, jobs, service.limits.timeout_seconds) as followed:
            await followed.finished(request)
        results = [service.summary(job, one) for job, one in zip(jobs, encoded, strict=True)]
        if param == "dialogue":
            return SummaryResponse(model=service.name, **results[0].model_dump())
        return SummariesResponse(model=service.name, summaries=results)


def _add_models(app: FastAPI, service: Service) -> None:
    card = {"id": service.name, "object": "model", "created": int(time.time()), "owned_by": "yoyak"}

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        """List the one model."""
        return {"object": "list", "data": [card]}

    @app.get("/v1/models/{name:path}")
    async def model(name: str) -> dict[str, Any]:
        """Describe a model."""
        service.check_model(name)
        return card


def _add_checks(app: FastAPI, service: Service) -> None:
    @app.get("/healthz")
    async def healthz() -> Response:
        """Tell whether the process works (else it wants a restart)."""
        alive = service.scheduler.is_alive
        return JSONResponse({"status": "ok" if alive else "failing"}, 200 if alive else 503)

    @app.get("/readyz")
    async def readyz() -> Response:
        """Tell whether requests are taken."""
        ready = service.scheduler.is_ready
        return JSONResponse({"status": "ready" if ready else "not ready"}, 200 if ready else 503)

    @app.get("/metrics")
    async def metrics() -> Response:
        """Give the figures that Prometheus collects."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)


async def _answer_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return Response(error.encoded(), error.status, error.headers, "application/json")


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = {404: "no such path", 405: "no such method on this path"}.get(error.status_code, "the request is refused")
    headers = dict(error.headers or {})
    return await _answer_error(request, ApiError(error.status_code, said, "refused", headers=headers))


async def _answer_nobody(request: Request, error: Exception) -> Response:
    return Response(status_code=499)


async def _answer_fault(request: Request, error: Exception) -> Response:
    return await _answer_error(request, generation_failed())
