"""What generates: the interface that the scheduler drives, and the engine that runs the models of `LoRALoader`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from .jobs import GenerationJob

if TYPE_CHECKING:
    from transformers import LogitsProcessorList

    from ..decoder.row_batch import RowBatch
    from .slots import Slots


class OutOfMemoryError(Exception):
    """The batch does not fit; its unfinished jobs can go on in smaller ones from the tokens they have."""


class Engine(Protocol):
    """Generates tokens for jobs."""

    def generate(self, admit: Callable[[], list[GenerationJob]]) -> None:
        """Generate until `admit()` gives no more jobs and all that it gave are finished.

        Between steps an engine calls `admit` again where it can take more in, hands each new token to the job's
        `accept`, and drops the jobs whose `finish` is set, by `accept` or by somebody else. A job is continued
        after its `ids`.

        Raises:
            OutOfMemoryError: the batch is too large; nothing is under way any more.
        """


class TransformersEngine:
    """Continuous batching (Yu et al. 2022, Orca): sequences join and leave the batch between any two steps."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def refuse_wrong_logits(self, most_tokens: int) -> None:
        """See that the model's own logits come out, in sequences of up to `most_tokens`.

        Raises:
            YoyakError: other ones do, or none.
        """
        from ..inference.probe import generates_fast
        from .slots import refuse_wrong_slots

        if not generates_fast(self.model):
            refuse_wrong_slots(self.model, most_tokens)

    def generate(self, admit: Callable[[], list[GenerationJob]]) -> None:
        """Generate (see `Engine`)."""
        from ..inference.batches import is_out_of_memory
        from ..inference.generator import generating
        from ..models.autocast import autocast

        try:
            with generating(self.model), autocast(self.model):
                self._generate(admit)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise OutOfMemoryError from None  # not from the error, which keeps the batch's tensors alive
            raise

    def empty_batch(self) -> "Slots | RowBatch":
        """Return an empty batch, of the faster kind where the model allows it."""
        from ..decoder.cached_decoder import CachedDecoder
        from ..decoder.row_batch import RowBatch
        from ..inference.probe import generates_fast
        from .slots import Slots

        return RowBatch(CachedDecoder(self.model)) if generates_fast(self.model) else Slots(self.model)

    def _generate(self, admit: Callable[[], list[GenerationJob]]) -> None:
        slots, jobs = self.empty_batch(), list[GenerationJob]()
        while True:
            joining = admit()
            if joining:
                self.choose(slots.add([job.ids for job in joining]), joining)
                jobs += joining
            for row in reversed(range(len(jobs))):
                if jobs[row].finish is not None:
                    slots.remove(row)
                    last = jobs.pop()
                    if row < len(jobs):
                        jobs[row] = last
            if jobs:
                self.choose(slots.step([job.generated[-1] for job in jobs]), jobs)
            elif not joining:
                return

    def choose(self, logits: Any, jobs: list[GenerationJob]) -> None:
        """Give each job its next token, from logits (jobs, vocabulary)."""
        import torch

        most_likely = logits.argmax(dim=-1).tolist()
        for row, job in enumerate(jobs):
            token = most_likely[row]
            if job.state is None:
                job.state = _processors(job, logits.device)
            if job.state:
                ids = torch.tensor([job.ids], device=logits.device)
                token = int(job.state(ids, logits[row : row + 1].float()).argmax())
            job.accept(token)


def _processors(job: GenerationJob, device: Any) -> "LogitsProcessorList":
    """Return what changes a job's logits before the most likely token is taken: as in `src.inference`, a row alone."""
    from transformers import (
        LogitsProcessorList,
        MinNewTokensLengthLogitsProcessor,
        RepetitionPenaltyLogitsProcessor,
    )

    from ..decoder.picking import row_seed
    from ..inference.sampling import EndWhereNothingIsLeft, SummaryNGrams, sampling_processors

    settings, processors = job.settings, LogitsProcessorList()
    if settings.repetition_penalty != 1:
        processors.append(RepetitionPenaltyLogitsProcessor(settings.repetition_penalty))
    if settings.no_repeat_ngram_size:
        processors.append(SummaryNGrams(settings.no_repeat_ngram_size, len(job.prompt)))
    if settings.min_new_tokens:
        shortest = min(settings.min_new_tokens, job.max_new_tokens)
        processors.append(MinNewTokensLengthLogitsProcessor(len(job.prompt), shortest, sorted(job.ends), device=device))
    if settings.no_repeat_ngram_size:
        processors.append(EndWhereNothingIsLeft(min(job.ends)))
    if settings.do_sample:
        processors.extend(sampling_processors(settings, [row_seed(settings.seed, 0, job.prompt)]))
    return processors
