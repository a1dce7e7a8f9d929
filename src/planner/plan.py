"""A whole plan: memory and time of a run by part, whether it fits, and what a change would buy."""

import math
from dataclasses import dataclass, replace
from typing import Any

from ..config.schema import Config
from ..data.prompt.prompts import refuse_no_room
from ..errors import YoyakError
from .cluster import ONE_CARD, Cluster
from .devices import Device
from .duration import evaluation_seconds, saving_seconds
from .evaluation import evaluation_work, examples_at_a_time
from .fastest import Choice, MemoryLimits, Workload, fastest_choice
from .job import TrainingJob, job_of, of_one_card
from .lengths import Lengths
from .model_shape import ModelShape
from .refusals import refuse_small_eva_batches
from .sharding import Sharding, refuse_what_cannot_be_cut, sharding_obstacle
from .step_work import ExampleTokens, evaluation_batch

_FILLED = 0.97  # of a card's memory, where there is a choice


@dataclass(frozen=True)
class Situation:
    """What a plan is made of: settings, the model's shape, lengths of both splits, the card, and how many of them.

    `flash` says whether Flash Linear Attention is known to compute gated delta rules there.
    """

    config: Config
    shape: ModelShape
    train: Lengths
    evaluation: Lengths | None
    device: Device
    cluster: Cluster = ONE_CARD
    flash: bool = False

    def refuse_no_room(self) -> None:
        """Raise YoyakError where the prompt's own text alone is as long as the longest prompt, as training does."""
        config = self.config
        for own_tokens in self.train.own[: None if config.data.instruction_augmentation else 1]:
            refuse_no_room(config.tokenizer.encoder_max_len, own_tokens)

    def examples(self, evaluation: bool = False) -> tuple[ExampleTokens, ...]:
        """Return a split's examples as training would see them."""
        data, lengths = self.config.data, self.evaluation if evaluation else self.train
        if lengths is None:
            return ()
        lengths = lengths.first(data.max_eval_examples if evaluation else data.max_train_examples)
        if data.instruction_augmentation and not evaluation:
            lengths = lengths.repeated(5)
        return lengths.examples(self.config.tokenizer.encoder_max_len)

    @property
    def job(self) -> TrainingJob:
        """Return the training's job, with all its examples on one card."""
        job = job_of(self.config, self.shape, self.device)
        return replace(job, flash=self.flash and self.shape.delta is not None and job.engine == "packed")

    @property
    def longest_tokens(self) -> int:
        """Return the most that a text may take, or does: summaries are trained on whole."""
        lengths, examples = self.config.tokenizer, (*self.examples(), *self.examples(evaluation=True))
        return max(lengths.encoder_max_len + lengths.decoder_max_len, *(tokens for tokens, _ in examples))


@dataclass(frozen=True)
class Plan:
    """What a run takes.

    Attributes:
        choice: how micro-batches are computed, with memory and time of a step.
        fits: whether that is within the card and `training.memory_budget_gb`.
        steps: optimizer steps of the run.
        seconds: of the whole run, by part.
        cut: prompts that are shortened, and tokens that this cuts.
        all_reduce_seconds: of a step, in which several cards add up their gradients.
    """

    situation: Situation
    choice: Choice
    fits: bool
    steps: int
    seconds: dict[str, float]
    cut: tuple[int, int]
    all_reduce_seconds: float = 0.0

    @property
    def sharding(self) -> Sharding:
        """Return whether weights are cut over the cards."""
        return "weights" if self.choice.job.shards else "none"

    @property
    def step_seconds(self) -> float:
        """Return the seconds of a step."""
        return self.choice.time.seconds + self.all_reduce_seconds

    def cost(self, price_per_hour: float) -> float:
        """Return what the run costs, at a price of one card."""
        return self.total_seconds / 3600 * price_per_hour * self.situation.cluster.count

    @property
    def total_seconds(self) -> float:
        """Return the run's seconds."""
        return sum(self.seconds.values())

    @property
    def limit_bytes(self) -> int:
        """Return the card's memory."""
        return self.situation.device.memory_bytes

    def as_json(self, price_per_hour: float | None = None) -> dict[str, Any]:
        """Return what `yoyak plan --json` prints; memory in bytes, time in seconds."""
        choice, situation, device = self.choice, self.situation, self.situation.device
        work = choice.work
        more: dict[str, Any] = {} if price_per_hour is None else {"cost": round(self.cost(price_per_hour), 2)}
        if situation.cluster.count > 1:
            more |= situation.cluster.as_json() | {"all_reduce_seconds": round(self.all_reduce_seconds, 6)}
            more["sharding"] = self.sharding
        return {
            "peak_bytes": choice.memory.peak_bytes,
            "device_bytes": choice.memory.device_bytes,
            "parts": choice.memory.parts,
            "micro_batch_tokens": choice.micro_batch_tokens or work.largest.tokens,
            "checkpointing": choice.checkpointing,
            "step_seconds": round(self.step_seconds, 4),
            "total_seconds": round(self.total_seconds, 1),
            "fits": self.fits,
            "step_parts": {name: round(value, 5) for name, value in choice.time.parts.items()},
            "total_parts": {name: round(value, 1) for name, value in self.seconds.items()},
            "steps": self.steps,
            "micro_batches_a_step": round(work.micro_batches, 2),
            "filler": round(work.filler, 4),
            "model_positions": situation.shape.positions,
            "longest_tokens": situation.longest_tokens,
            "prompts_cut": self.cut[0],
            "tokens_cut": self.cut[1],
            "engine": choice.job.engine,
            "flash_linear_attention": choice.job.flash,
            "method": choice.job.method,
            "dtype": choice.job.dtype,
            "device": device.name,
            "memory_bytes": device.memory_bytes,
            "time_is_estimate": not device.measured,
            "lengths": situation.train.source,
            "lengths_are_estimates": situation.train.estimated,
            **more,
        }


def make_plan(situation: Situation) -> Plan:
    """Return the plan of a run: the fastest within the card's memory and `training.memory_budget_gb`.

    Weights are cut over several cards where that is asked for, or with `training.sharding` = auto where they don't fit
    otherwise: what fits is faster whole.

    Raises:
        YoyakError: settings that exclude each other, or that the data does not go with.
    """
    situation.refuse_no_room()
    if situation.config.lora.init == "eva" and not situation.train.estimated:
        refuse_small_eva_batches(situation.config, [targets for _, targets in situation.examples()])
    config, alone = situation.config, situation.cluster.count == 1
    refuse_what_cannot_be_cut(config)
    if config.training.sharding == "weights":
        if alone:
            raise YoyakError("training.sharding = weights: there is one card; name more with --cards")
        return _plan(situation, cuts=True)
    whole = _plan(situation)
    if whole.fits or alone or config.training.sharding == "none" or sharding_obstacle(config):
        return whole
    cut = _plan(situation, cuts=True)
    return cut if cut.fits else whole


def _plan(situation: Situation, cuts: bool = False) -> Plan:
    """Return the plan of a run whose weights are cut over the cards, or are not."""
    config, device = situation.config, situation.device
    cards = situation.cluster.count
    job = of_one_card(situation.job, cards)
    if cuts:
        job = replace(job, shards=situation.cluster.shards())
        if job.method == "full":  # by FSDP2, under autograd, with torch's AdamW
            job = replace(job, engine="trainer", optimizer="adamw_torch", micro_batch_tokens=None)
    examples, held = situation.examples(), situation.examples(evaluation=True)
    steps = run_steps(config, len(examples))
    largest = evaluation_batch(held, examples_at_a_time(job)) if held else None
    load = Workload(examples, config.training.seed, steps, evaluation=largest)
    budget = config.training.memory_budget_gb
    peak = budget * 1e9 if budget else math.inf
    choice, fits = fastest_choice(job, load, device, MemoryLimits(peak, _FILLED * device.memory_bytes))
    if not fits:
        choice, fits = fastest_choice(job, load, device, MemoryLimits(peak, device.memory_bytes))
    job = choice.job
    seconds = {name: value * steps for name, value in choice.time.parts.items()}
    added_up = 0 if cuts and job.method == "full" else job.trained * job.trained_element
    all_reduce = situation.cluster.all_reduce_seconds(added_up)
    if cards > 1:
        seconds["all_reduce"] = all_reduce * steps
    times = evaluations(config, len(examples), steps)
    if held:
        work = evaluation_work(job, held, choice.micro_batch_tokens)
        seconds["evaluation"] = times * evaluation_seconds(job, device, *work) / cards
    seconds["saving"] = times * saving_seconds(job)
    cut = situation.train.cut(config.tokenizer.encoder_max_len)
    return Plan(situation, choice, fits, steps, seconds, cut, all_reduce)


def run_steps(config: Config, examples: int) -> int:
    """Return the optimizer steps of a run."""
    training = config.training
    epoch = math.ceil(examples / (training.batch_size * training.gradient_accumulation_steps))
    return training.max_steps or math.ceil(epoch * training.epochs)


def evaluations(config: Config, examples: int, steps: int) -> int:
    """Return how often a run evaluates and saves."""
    training = config.training
    every = training.eval_steps or math.ceil(examples / (training.batch_size * training.gradient_accumulation_steps))
    return max(1, steps // every)
