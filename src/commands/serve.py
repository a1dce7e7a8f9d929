"""`yoyak serve`: a model behind HTTP, for OpenAI's clients and plain ones."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from ..config.effects import without_effect_on_server
from ..config.schema import Config
from ..config.unread import refuse_unread_by_serving
from ..errors import YoyakError, nearest
from .console import create_console, quiet_libraries
from .model import config_for_use, load_configured, prompt_of
from .speech import say_aside

ENGINES = ["transformers", "vllm"]


@dataclass(frozen=True)
class ServeRequest:
    """What the command line says."""

    experiment: str | None
    adapter: str | None
    overrides: list[str]
    host: str
    port: int
    api_key: str | None
    no_auth: bool
    max_queue: int
    max_batch: int | None
    batch_wait_ms: float
    timeout_s: float
    truncate: bool
    engine: str


def serve_model(request: ServeRequest) -> None:
    """Load a model and serve it until a signal comes.

    Raises:
        YoyakError: an option is wrong, the address can't be had, or the model can't be loaded.
        KeyboardInterrupt: Ctrl-C.
    """
    from ..serving.sockets import listen

    if request.engine not in ENGINES:
        known = ", ".join(ENGINES)
        raise YoyakError(f"--engine {request.engine}: unknown{nearest(request.engine, ENGINES)}; there are: {known}")
    for name, value, least in (
        ("--max-queue", request.max_queue, 0),
        ("--max-batch", request.max_batch, 1),
        ("--batch-wait-ms", request.batch_wait_ms, 0),
        ("--timeout-s", request.timeout_s, 0.1),
    ):
        if value is not None and not least <= value < 1e9:
            raise YoyakError(f"{name} {value:g}: must be at least {least:g}")
    key = _key(request)
    with listen(request.host, request.port) as listener:
        _refuse_open_door(request, key, listener)
        if request.engine == "vllm":
            _hand_over(request, key, listener)
        else:
            _serve_here(request, key, listener)


def _key(request: ServeRequest) -> str | None:
    if request.no_auth and request.api_key is not None:
        raise YoyakError("--api-key and --no-auth exclude each other; name one")
    if request.no_auth:
        return None
    source = "--api-key" if request.api_key is not None else "YOYAK_API_KEY"
    key = request.api_key if request.api_key is not None else os.environ.get("YOYAK_API_KEY")
    if request.api_key is not None and request.api_key.startswith("@"):
        source, key = f"--api-key {request.api_key}", _key_of(request.api_key[1:])
    if key is not None and (not key.strip() or key != key.strip() or not key.isascii() or not key.isprintable()):
        raise YoyakError(f"{source}: must be printable ASCII, not empty, without spaces at its ends")
    if source == "--api-key":
        say_aside(
            "a key on the command line can be seen by all users of this machine; set YOYAK_API_KEY, or say --api-key "
            "@FILE"
        )
    return key


def _key_of(file: str) -> str:
    try:
        return Path(os.path.expanduser(file)).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise YoyakError(f"--api-key @{file}: cannot be read: {reason}; name a file that holds the key alone") from None


def _refuse_open_door(request: ServeRequest, key: str | None, listener: socket.socket) -> None:
    from ..serving.sockets import is_local

    if key is None and not request.no_auth and not is_local(listener):
        raise YoyakError(
            f"--host {request.host} can be reached from other machines; set YOYAK_API_KEY (or --api-key), or say "
            "--no-auth to serve everybody"
        )


def _serve_here(request: ServeRequest, key: str | None, listener: socket.socket) -> None:
    from ..inference.batches import largest_batch, rows_that_fit
    from ..inference.cache_size import cache_size
    from ..inference.probe import generates_fast
    from ..models.generation_settings import end_ids_of
    from ..serving.engine import TransformersEngine
    from ..serving.limits import RequestLimits
    from ..serving.server import run
    from ..serving.service import Service, refuse_searches
    from ..serving.sockets import url_of

    config = _config(request)
    refuse_searches(config.generation)
    _say_without_effect(config, request.engine)
    config.model.attn_implementation = "sdpa"  # each row of a batch has its own mask, which other kernels don't take
    console = create_console(stderr=True)
    loaded = load_configured(config, console)
    ends = end_ids_of(loaded.model, loaded.prompt.end_id)
    engine = TransformersEngine(loaded.model)
    engine.refuse_wrong_logits(config.tokenizer.encoder_max_len + config.tokenizer.decoder_max_len)
    device = loaded.model.get_input_embeddings().weight.device
    tokens = config.generation.batch_tokens
    size = cache_size(loaded.model, generates_fast(loaded.model), joins=True)
    limits = RequestLimits(
        max_batch=request.max_batch or largest_batch(config.generation.batch_size, device.type),
        batch_tokens=tokens,
        rows_that_fit=None if tokens else rows_that_fit(size, device),
        max_queue=request.max_queue,
        batch_wait_seconds=request.batch_wait_ms / 1000,
        timeout_seconds=request.timeout_s,
        truncate=request.truncate,
    )
    service = Service(config, engine, loaded.tokenizer, loaded.prompt, limits, ends)
    who = "with a key" if key is not None else "without a key"
    console.print(f"Serving {service.name} at {url_of(listener)}/v1 ({who}); Ctrl-C stops")
    run(service, listener, request.host, key)


def _config(request: ServeRequest) -> Config:
    config = config_for_use(request.experiment, request.adapter, request.overrides)
    refuse_unread_by_serving(request.overrides)
    return config


def _say_without_effect(config: Config, engine: str) -> None:
    for sentence in without_effect_on_server(config, engine):
        say_aside(sentence)


def _hand_over(request: ServeRequest, key: str | None, listener: socket.socket) -> None:
    """Let vLLM serve: its own server, on the address that was found free."""
    from ..serving.vllm import find_vllm

    find_vllm()  # before anything that takes time
    config = _config(request)
    from ..inference.batches import largest_batch
    from ..models.generation_settings import CheckpointGeneration, checkpoint_json
    from ..models.lora_loader import LoRALoader
    from ..models.resolve import resolve_checkpoint
    from ..planner.positions import check_positions
    from ..serving.service import refuse_searches
    from ..serving.vllm import refuse_text_names, refuse_unset, serve_with_vllm

    refuse_searches(config.generation)
    refuse_unset(config.generation)
    _say_without_effect(config, request.engine)
    quiet_libraries()
    checkpoint = resolve_checkpoint(config.model.checkpoint)
    settings = checkpoint_json(checkpoint, "config.json", config.model.revision)
    if too_long := check_positions(settings, checkpoint, config.tokenizer):
        raise YoyakError(f"--engine vllm starts no model beyond its positions. {too_long}")
    loader = LoRALoader(config)
    tokenizer = loader._load_tokenizer(checkpoint)
    base = loader.check_weights(checkpoint)  # vLLM leaves what it doesn't know without a word
    refuse_text_names(config, base)
    prompt, notes = prompt_of(config, tokenizer)
    for note in notes:
        say_aside(note)
    ends = [prompt.end_id, *CheckpointGeneration(checkpoint, config.model).end_ids(tokenizer)]
    port = listener.getsockname()[1]
    listener.close()
    max_batch = request.max_batch or largest_batch(config.generation.batch_size, "cuda")
    where = {"host": request.host, "port": port}
    ends = list(dict.fromkeys(ends))
    serve_with_vllm(config, tokenizer, prompt, checkpoint, ends, **where, api_key=key, max_batch=max_batch)
