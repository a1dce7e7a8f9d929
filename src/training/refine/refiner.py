"""Refining: in each step summaries are drawn, rewarded, compared within their group, and learned from, once."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from ...config.schema import Config, GenerationSettings
from ...data.batches.bins import CAPTURED_TOKENS, filled_multiple
from ...data.batches.groups import PromptGroup, pack_groups
from ...data.batches.packing import MicroBatch
from ...data.prompt.templates import PromptTemplate
from ...decoder.cached_decoder import CachedDecoder
from ...decoder.captured_passes import CapturedPasses
from ...decoder.choosing_batch import ChoosingBatch
from ...decoder.generation import generate
from ...decoder.packed_decoder import PackedDecoder
from ...decoder.picking import row_seed
from ...decoder.row_batch import padded_rows
from ...errors import YoyakError
from ...inference.loops import tokens_before_repetition
from ...models.generation_settings import end_ids_of
from ...planner.refining import refuse_few
from ..guards.out_of_memory import MemoryRoom
from ..state.resolved import Resolved
from .average import WeightAverage, replaced
from .figures import Written, looks, means, written_of
from .policy import advantages, drawn_examples, learning_rate
from .probe import probe_groups, refuse_unpacked
from .reward import Drawn, Reward, Rewarder
from .several import Share, made_by_all, own_part, summed

_BETAS = (0.9, 0.95)


@dataclass(frozen=True)
class RefineExample:
    """A dialogue to summarize, as text and as the ids of its prompt, and its reference, as text and as ids."""

    dialogue: str
    prompt: list[int]
    reference: str
    reference_ids: list[int]


class Refiner:
    """The model, what trains in it, and one step after the other.

    A step depends on the weights, the optimizer's state and its own number alone, so a run goes on exactly from these.

    Attributes:
        step: that has been made last; 0 before the first.
        parameters: what trains, by name.
        average: of the parameters over the steps, which is evaluated.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        prompt: PromptTemplate,
        examples: Sequence[RefineExample],
        config: Config,
        rewarder: Rewarder,
        resolved: Resolved,
        rows: int,
    ) -> None:
        """Prepare to refine a loaded model, whole or with the adapter that trains, on examples of the training data.

        `prompt` is the template that it was trained with; `rows` summaries are drawn at a time.

        Raises:
            YoyakError: the packed engine can't train the model, or computes something else than the model does, or
                there are fewer examples than a step takes.
        """
        settings = config.refine
        refuse_unpacked(config, model, resolved.compute.dtype)
        refuse_few(len(examples), config)
        self.config, self.settings, self.examples = config, settings, examples
        self.model, self.tokenizer, self.prompt, self.rewarder = model.eval(), tokenizer, prompt, rewarder
        self.device = model.get_input_embeddings().weight.device
        self.ends = end_ids_of(model, prompt.end_id)
        self.parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        plan, tokens = resolved.memory_plan, settings.micro_batch_tokens
        planned = plan.micro_batch_tokens if plan else resolved.engine.micro_batch_tokens
        self.micro_batch_tokens = planned if tokens == "auto" else tokens
        self.decoder = PackedDecoder(model)
        probe_groups(model, captured=self._captures)
        if plan is not None:
            self.decoder.kept_layers, self.decoder.keeps_inputs = plan.kept_layers, plan.keeps_inputs
        self.drawer = CachedDecoder(model, self.decoder.layers)
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(), settings.learning_rate, _BETAS, weight_decay=0.0, fused=self.device.type == "cuda"
        )
        self.average = WeightAverage(self.parameters, settings.average)
        self.start = {name: p.detach().clone() for name, p in self.parameters.items()} if settings.kl else {}
        self.step, self.rows, self.norm = 0, rows, 0.0
        self._passes = self._captured_passes()
        self._batch: ChoosingBatch | None = None

    def train_step(self) -> dict[str, float]:
        """Draw, reward and learn, of several ranks each a part of it; return the step's figures."""
        began = drawn_at = rewarded_at = time.perf_counter()

        def make(own: list[RefineExample]) -> list[tuple[list[Written], list[Reward]]]:
            nonlocal drawn_at, rewarded_at
            texts = self.draw(own) if own else []
            drawn_at = time.perf_counter()
            worth = self.rewarder([_drawn(example, its) for example, its in zip(own, texts, strict=True)])
            rewarded_at = time.perf_counter()
            return list(zip(texts, worth, strict=True))

        chosen = [self.examples[index] for index in self._order(self.step)]
        written, rewards = zip(*made_by_all(chosen, make), strict=True)
        groups = [self._group(*of_one) for of_one in zip(chosen, written, rewards, strict=True)]
        losses = self._update(groups)
        self.step += 1
        flat = [one for its in rewards for one in its]
        texts = [one for its in written for one in its]
        return means(flat) | {
            **looks(texts),
            "equal_groups": sum(len({one.total for one in its}) == 1 for its in rewards) / len(rewards),
            **losses,
            "seconds": time.perf_counter() - began,
            "drawing_seconds": drawn_at - began,
            "reward_seconds": rewarded_at - drawn_at,
        }

    @torch.no_grad()
    def draw(self, chosen: Sequence[RefineExample]) -> list[list[Written]]:
        """Return `samples` summaries of each example, drawn at the settings' temperature from the weights as they are.

        Which ones depends on the run's seed, the step and the prompt.
        """
        samples = self.settings.samples
        prompts = [example.prompt for example in chosen for _ in range(samples)]
        seed = self.config.training.seed
        seeds = [row_seed(seed, self.step * samples + index % samples, ids) for index, ids in enumerate(prompts)]
        options = self.config.generation.model_copy(
            update={"do_sample": True, "temperature": self.settings.temperature, "top_k": 0, "top_p": 1.0}
            | {"repetition_penalty": 1.0, "min_new_tokens": 0, "num_beams": 1, "no_repeat_ngram_size": 0}
        )
        self.drawer.refresh()
        if self._batch is None:
            longest, most = max(len(example.prompt) for example in self.examples), self.prompt.decoder_max_len
            rows = padded_rows(self.rows, self.device)
            self._batch = ChoosingBatch(self.drawer, options, self.ends, rows=rows, longest=longest, most=most)
        texts = self._generated(prompts, options, seeds, self._batch)
        return [texts[start : start + samples] for start in range(0, len(texts), samples)]

    @torch.no_grad()
    def summarize(self, examples: Sequence[RefineExample]) -> list[Written]:
        """Return the most likely summary of each example, token by token, by the weights as they are."""
        self.drawer.refresh()
        return self._generated([example.prompt for example in examples], GenerationSettings())

    def evaluate(self, examples: Sequence[RefineExample]) -> dict[str, float]:
        """Return the figures of the most likely summaries of some examples, by the averaged weights, as `eval_…`.

        They are of the texts that `yoyak evaluate` scores, without the repetition of a loop at the end; the reward
        alone is of all that was written, as in a step.
        """

        def make(own: list[RefineExample]) -> list[tuple[Written, Reward]]:
            both = [self._with_shown(one) for one in (self.summarize(own) if own else [])]
            worth = self.rewarder([_drawn(*of_one) for of_one in zip(own, both, strict=True)])
            pairs = zip(both, worth, strict=True)
            return [(its[-1], replace(rewards[-1], total=rewards[0].total)) for its, rewards in pairs]

        with self.average.in_place():
            written, rewards = zip(*made_by_all(examples, make), strict=True)
        return {f"eval_{name}": value for name, value in (means(rewards) | looks(written)).items()}

    def _generated(
        self,
        prompts: list[list[int]],
        settings: GenerationSettings,
        seeds: Sequence[int] = (),
        batch: ChoosingBatch | None = None,
    ) -> list[Written]:
        how: dict[str, Any] = {"max_new_tokens": self.prompt.decoder_max_len, "end_ids": self.ends, "rows": self.rows}
        ids: dict[int, list[int]] = {}
        for part in generate(self.drawer, prompts, settings, **how, seeds=seeds, batch=batch):
            ids.update(part)
        return [written_of(ids[index], self.tokenizer, self.ends) for index in range(len(prompts))]

    def _with_shown(self, written: Written) -> list[Written]:
        """Return a summary and, where that is another text, what is shown of it: the loop that it ends in only once."""
        kept = tokens_before_repetition(written.ids, self.ends) if self.config.generation.truncates_loops else None
        return [written] if kept is None else [written, written_of(written.ids[:kept], self.tokenizer, self.ends)]

    def _group(self, example: RefineExample, written: Sequence[Written], rewards: Sequence[Reward]) -> PromptGroup:
        weights = advantages([one.total for one in rewards])
        continuations = [one.ids for one in written]
        if self.settings.imitation:
            continuations, weights = [*continuations, example.reference_ids], [*weights, self.settings.imitation]
        return PromptGroup(example.prompt, continuations, weights, counted=len(written))

    def _update(self, groups: list[PromptGroup]) -> dict[str, float]:
        """Make one optimizer step on groups; return what it was like."""
        targets = sum(len(ids) for group in groups for ids in group.continuations)
        drawn = sum(len(ids) for group in groups for ids in group.continuations[: group.counted])
        own = [groups[index] for index in own_part([group.tokens for group in groups])]
        self.optimizer.zero_grad(set_to_none=True)

        def work() -> tuple[float, float]:
            multiple = filled_multiple(self.micro_batch_tokens) if self._passes else 1
            return self._add_gradients(pack_groups(own, self.micro_batch_tokens, multiple), targets)

        loss, distance = MemoryRoom().repeated(work, lambda: self._make_room(own))
        room = self.micro_batch_tokens, self.decoder.kept_layers
        met = summed(Share(loss, distance, *room), self.decoder.gradients.flat)
        if (met.tokens, met.kept_layers) != room:
            said = "Out of memory on another rank; all go on with %s at a time"
            logging.getLogger("yoyak").warning(said, met.tokens)
            self.use_room(met.tokens, met.kept_layers)
        self.norm = float(nn.utils.clip_grad_norm_(self.parameters.values(), 1.0))
        rate = learning_rate(self.settings, self.step)
        for options in self.optimizer.param_groups:
            options["lr"] = rate
        self.optimizer.step()
        self.average.add()
        # Of summaries that were drawn from the model, the mean of -log p is its entropy a token; not of references.
        told = {"entropy": met.loss / drawn, "distance": met.distance / drawn}
        return told | {"grad_norm": self.norm, "learning_rate": rate}

    def _add_gradients(self, batches: Sequence[MicroBatch], targets: int) -> tuple[float, float]:
        """Add all gradients; return sums over what was drawn: loss, and log-ratio to the start where that counts."""
        loss, distance = torch.zeros((), device=self.device), 0.0
        if not batches:  # of several ranks, one may have none
            self.decoder.begin_step(None)
        penalties = self._penalties(batches) if self.settings.kl else None
        for number, batch in enumerate(batches):
            if penalties is not None:
                assert batch.weights is not None
                distance += float(penalties[number].sum())
                batch = replace(batch, weights=batch.weights - self.settings.kl * penalties[number].cpu())
            passes = self._passes if self._passes and self._passes.fits(batch) else None
            loss += self.decoder.add_gradients(batch.to(self.device), targets, None, passes, new_step=number == 0)
        return float(loss), distance

    def _penalties(self, batches: Sequence[MicroBatch]) -> list[torch.Tensor]:
        """Return log p - log p at the start, of each micro-batch's targets; 0 of those that were not drawn."""
        self.decoder.refresh(dropping=False)
        now = [self.decoder.token_losses(batch.to(self.device)) for batch in batches]
        with replaced(self.parameters, self.start):
            self.decoder.refresh(dropping=False)
            start = [self.decoder.token_losses(batch.to(self.device)) for batch in batches]
        self.decoder.refresh(dropping=False)
        masks = [1.0 if batch.counted is None else batch.counted.to(self.device) for batch in batches]
        return [(before - losses) * mask for before, losses, mask in zip(start, now, masks, strict=True)]

    def _make_room(self, groups: Sequence[PromptGroup]) -> None:
        """Compute half as many tokens at a time, and say so."""
        largest = max(group.tokens for group in groups)
        if self.micro_batch_tokens <= largest and self.decoder.kept_layers == 0:
            raise YoyakError(
                f"out of memory with a dialogue and its summaries ({largest} tokens); lower refine.samples, lora.r or "
                "tokenizer.encoder_max_len, or set lora.use_qlora=true"
            )
        again = self.micro_batch_tokens <= largest
        tokens = self.micro_batch_tokens if again else max(self.micro_batch_tokens // 2, largest)
        logging.getLogger("yoyak").warning(
            "Out of memory in refining; the step is repeated, and the run goes on, with %d tokens at a time", tokens
        )
        self.optimizer.zero_grad(set_to_none=True)
        self.use_room(tokens, 0 if again else self.decoder.kept_layers)

    def use_room(self, tokens: int, kept_layers: int) -> None:
        """Compute so many tokens at a time, and keep the activations of so many layers."""
        self.micro_batch_tokens, self.decoder.kept_layers = tokens, kept_layers
        self.decoder.keeps_inputs = self.decoder.keeps_inputs and kept_layers > 0
        self._passes = None  # frees its memory before the new one takes some
        torch.cuda.empty_cache()
        self._passes = self._captured_passes()

    @property
    def _captures(self) -> bool:
        """Tell whether passes are CUDA graphs: operation by operation a small model's update waits for Python.

        Not for large micro-batches, which keep the GPU busy without: they have many sizes, each a graph of its own.
        """
        # First what a processor reads too, so that its tests see where there is no decoder yet.
        return self.decoder.captures and self.device.type == "cuda" and self.micro_batch_tokens <= CAPTURED_TOKENS

    def _captured_passes(self) -> CapturedPasses | None:
        return CapturedPasses(self.decoder, self.micro_batch_tokens) if self._captures else None

    def _order(self, step: int) -> list[int]:
        """Return the examples of a step (from 0)."""
        return drawn_examples(self.config.training.seed, step, len(self.examples), self.settings.dialogues)


def _drawn(example: RefineExample, written: Sequence[Written]) -> Drawn:
    texts, ended = tuple(one.text for one in written), tuple(one.ended for one in written)
    return Drawn(example.dialogue, (example.reference,), texts, ended)
