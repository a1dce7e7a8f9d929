"""One model on offer: what requests need of it, put together."""

import asyncio
import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from ..config.schema import Config, GenerationSettings
from ..data.prompt.templates import PromptTemplate
from ..errors import YoyakError
from ..inference.batches import largest_batch
from ..inference.loops import tokens_before_repetition
from .dialogues import DialogueReader, EncodedDialogue
from .engine import Engine
from .errors import ApiError
from .jobs import GenerationJob
from .limits import RequestLimits
from .metrics import Metrics
from .scheduler import Scheduler
from .schemas import ChatRequest, Summary, SummaryRequest
from .text import TextStream, decode, decode_answer

_LEAST_TOP_P = 0.001
"""Below it only the most likely token is left."""


class Service:
    """A model with its prompt, its queue and its limits; clients call the model by `name`, the experiment's."""

    def __init__(
        self,
        config: Config,
        engine: Engine,
        tokenizer: Any,
        prompt: PromptTemplate,
        limits: RequestLimits | None = None,
        more_ends: Iterable[int] = (),
    ) -> None:
        """Put an engine behind a queue; `scheduler.start` starts it. `more_ends` end a summary beside the prompt's own.

        Raises:
            YoyakError: the config asks for beam search or MBR.
        """
        refuse_searches(config.generation)
        self.name = config.experiment.name
        self.limits = limits or RequestLimits(max_batch=largest_batch(config.generation.batch_size))
        self.metrics = Metrics()
        self.reader = DialogueReader(prompt, config, self.limits)
        self.scheduler = Scheduler(engine, self.limits, self.metrics)
        self._more_ends = frozenset(more_ends)
        self._generation, self._tokenizer, self._prompt = config.generation, tokenizer, prompt

    def check_model(self, name: str | None) -> None:
        """Raise ApiError (404) where a request names another model."""
        if name is not None and name != self.name:
            raise ApiError(404, f"no such model here; this server has {self.name}", "model_not_found", "model")

    async def encode(
        self, dialogues: Sequence[str], request: ChatRequest | SummaryRequest, param: str
    ) -> list[EncodedDialogue]:
        """Return the prompts of dialogues, made beside the event loop; refuses what `DialogueReader.encode` refuses."""
        self.scheduler.check_room(len(dialogues))  # before anything is done for a request that would find no place
        truncate = self.limits.truncate if request.truncate is None else request.truncate
        places = [param] if param != "dialogues" else [f"dialogues[{index}]" for index in range(len(dialogues))]

        def encode_all() -> list[EncodedDialogue]:
            return [self.reader.encode(text, truncate, place) for text, place in zip(dialogues, places, strict=True)]

        return await asyncio.to_thread(encode_all)

    def job(self, encoded: EncodedDialogue, request: ChatRequest | SummaryRequest) -> GenerationJob:
        """Return the job of a prompt.

        Raises:
            ApiError: 422 for more tokens than the model's limit, or see `_settings`.
        """
        most = self._prompt.decoder_max_len
        wanted, field = request.max_tokens, "max_tokens"
        if isinstance(request, ChatRequest) and request.max_completion_tokens is not None:
            wanted, field = request.max_completion_tokens, "max_completion_tokens"
        if wanted is not None and wanted > most:
            message = f"{field}: {wanted} is more than this model's limit of {most}"
            raise ApiError(422, message, "too_many_tokens", field)
        settings = _settings(self._generation, request)
        return GenerationJob(encoded.ids, self._prompt.end_id, wanted or most, settings, more_ends=self._more_ends)

    def text(self, job: GenerationJob) -> str:
        """Return the summary of a finished job, without the repetition of a loop where the settings cut that off."""
        kept = tokens_before_repetition(job.generated, job.ends) if self._generation.truncates_loops else None
        return decode(self._tokenizer, job.generated[:kept], job.ends)

    def left_out_reasoning(self, job: GenerationJob) -> bool:
        """Tell whether a finished job's summary is without reasoning that the model wrote."""
        return decode_answer(self._tokenizer, job.generated, job.ends)[1]

    def text_stream(self, job: GenerationJob) -> TextStream:
        """Return what turns a job's tokens into text as they come."""
        return TextStream(self._tokenizer, job.ends)

    def summary(self, job: GenerationJob, encoded: EncodedDialogue) -> Summary:
        """Return a finished job as the summaries route gives it."""
        return Summary(
            summary=self.text(job),
            ended=job.finish == "stop",
            prompt_tokens=len(job.prompt),
            completion_tokens=len(job.generated),
            turns_cut=encoded.turns_cut,
            tokens_cut=encoded.tokens_cut,
            reasoning_removed=self.left_out_reasoning(job),
        )


def refuse_searches(settings: GenerationSettings) -> None:
    """Refuse beam search and MBR: they can't stream tokens."""
    for name, value, neutral in (("num_beams", settings.num_beams, 1), ("mbr_samples", settings.mbr_samples, 0)):
        if value != neutral:
            raise YoyakError(
                f"generation.{name} = {value}: the server generates one summary token by token; "
                f"add generation.{name}={neutral}"
            )


def _settings(settings: GenerationSettings, request: ChatRequest | SummaryRequest) -> GenerationSettings:
    """Return the config's way to choose tokens, with what the request says about it.

    Raises:
        ApiError: 422 for a `top_p` that would cut nothing, since no token is drawn. A seed is no such thing: the most
            likely summary is the same each time, as is asked for.
    """
    if not settings.do_sample and request.temperature is None and _LEAST_TOP_P <= (request.top_p or 0) < 1:
        message = "top_p: without a temperature this server takes the most likely token; add temperature, such as 1"
        raise ApiError(422, message, "no_temperature", "top_p")
    said: dict[str, Any] = {
        name: getattr(request, name) for name in ("temperature", "top_p", "seed") if getattr(request, name) is not None
    }
    if "temperature" in said:
        said["do_sample"] = True
        said.setdefault("seed", secrets.randbits(63))
    # Next to nothing is the most likely token, and dividing logits by it would overflow.
    if said.get("temperature", 1) < 0.01 or said.get("top_p", 1) < _LEAST_TOP_P:
        said = {"do_sample": False}
    return settings.model_copy(update=said)
