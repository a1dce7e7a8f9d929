"""What refining takes: memory and seconds of drawing summaries, rewarding them and learning from them.

Memory: the caches of the summaries that are drawn stand during the update too. So the peak is what is steady, these
caches, and the larger of the update's activations and an evaluation, which has caches of its own (`drawing.py`). Time:
the update is a training step on groups, a dialogue's prompt once with all its summaries (`duration.py`).
"""

import math
from dataclasses import dataclass, replace
from typing import Any

from ..config.schema import Config
from ..errors import YoyakError
from .devices import Device
from .drawing import DrawingSizes, drawing_seconds, most_rows, refine_draws, reward_seconds, spread
from .duration import saving_seconds
from .fastest import Choice, MemoryLimits, Workload, fastest_choice
from .job import TrainingJob, engine_obstacle, job_of, method_of
from .memory import Memory, packed_parts, total_memory
from .plan import Situation
from .step_work import ExampleTokens

_FILLED = 0.97  # of a card's memory, what a plan takes
_STEPS_LAID_OUT = 200


@dataclass(frozen=True)
class RefinePlan:
    """What a refining takes.

    Attributes:
        steps: that are made, of `refine.steps` those that fit into `refine.minutes`.
        step_parts: seconds of a step: `drawing`, `rewards`, `update`.
        seconds: of the whole run without loading, by part.
    """

    situation: Situation
    choice: "RefineChoice"
    steps: int
    step_parts: dict[str, float]
    seconds: dict[str, float]

    @property
    def memory(self) -> Memory:
        """Return the memory of the whole."""
        return self.choice.memory

    @property
    def fits(self) -> bool:
        """Tell whether that is within the card and `training.memory_budget_gb`."""
        return self.choice.fits

    @property
    def step_seconds(self) -> float:
        """Return a step's seconds."""
        return sum(self.step_parts.values())

    @property
    def total_seconds(self) -> float:
        """Return the run's seconds."""
        return sum(self.seconds.values())

    def cost(self, price_per_hour: float) -> float:
        """Return what the run costs, at a price of one card."""
        return self.total_seconds / 3600 * price_per_hour * self.situation.cluster.count

    def as_json(self, price_per_hour: float | None = None) -> dict[str, Any]:
        """Return what `yoyak plan --refine --json` prints; memory in bytes, time in seconds."""
        choice, situation, refine = self.choice, self.situation, self.situation.config.refine
        more = {} if price_per_hour is None else {"cost": round(self.cost(price_per_hour), 2)}
        return {
            "peak_bytes": self.memory.peak_bytes,
            "device_bytes": self.memory.device_bytes,
            "parts": self.memory.parts,
            "rows": choice.rows,
            "micro_batch_tokens": choice.update.micro_batch_tokens,
            "checkpointing": choice.update.checkpointing,
            "step_seconds": round(self.step_seconds, 4),
            "total_seconds": round(self.total_seconds, 1),
            "fits": self.fits,
            "step_parts": {name: round(value, 5) for name, value in self.step_parts.items()},
            "total_parts": {name: round(value, 1) for name, value in self.seconds.items()},
            "steps": self.steps,
            "dialogues": refine.dialogues,
            "samples": refine.samples,
            "method": choice.job.method,
            "dtype": choice.job.dtype,
            "device": situation.device.name,
            "memory_bytes": situation.device.memory_bytes,
            "time_is_estimate": not situation.device.measured,
            "lengths": situation.train.source,
            "lengths_are_estimates": situation.train.estimated,
            **more,
            **situation.cluster.as_json(),
        }


def make_refine_plan(situation: Situation) -> RefinePlan:
    """Return the plan of a refining: rows and micro-batches as `yoyak refine` would choose them.

    Of several cards each draws, rewards and learns from its part of a step's dialogues.

    Raises:
        YoyakError: the packed engine can't train the model, there are fewer dialogues than a step takes, or a prompt
            has no room for one.
    """
    config, device = situation.config.model_copy(deep=True), situation.device
    config.data.instruction_augmentation = False  # each dialogue is drawn for with its own instruction alone
    situation, cluster = replace(situation, config=config), situation.cluster
    situation.refuse_no_room()
    train, held = situation.examples(), situation.examples(evaluation=True)
    refuse_few(len(train), config)
    whole, config = config, refining_of_one_card(config, cluster.count)
    held = held[:: cluster.count]
    job = refine_job(config, job_of(config, situation.shape, device))
    budget = config.training.memory_budget_gb
    peak = budget * 1e9 if budget else math.inf
    chosen = fastest_refining(config, job, device, (train, held), MemoryLimits(peak, _FILLED * device.memory_bytes))
    on_a_host = -(-refine_draws(whole) // cluster.hosts)
    step = {"drawing": chosen.drawing_seconds, "rewards": reward_seconds(device, on_a_host)}
    step["update"] = chosen.update_seconds(config)
    if cluster.count > 1:
        step["all_reduce"] = cluster.all_reduce_seconds(job.trained * job.trained_element)
    evaluation = 0.0
    if held:
        rows, most = min(chosen.rows, len(held)), config.tokenizer.decoder_max_len
        evaluation = drawing_seconds(job, device, rows, held, 1, most) + reward_seconds(
            device, len(held) * cluster.cards
        )
    steps = _steps(config, sum(step.values()), evaluation)
    times = 1 + math.ceil(steps / config.refine.eval_steps)
    seconds = {name: value * steps for name, value in step.items()}
    seconds["evaluation"] = (times + 2 * config.evaluation.generate) * evaluation  # generated before and after, too
    seconds["saving"] = times * saving_seconds(job)
    return RefinePlan(situation, chosen, steps, step, seconds)


def _steps(config: Config, step_seconds: float, evaluation_seconds: float) -> int:
    """Return the steps of a run: as many as fit into `refine.minutes` with their evaluations, as it decides itself."""
    refine = config.refine
    if refine.minutes is None:
        return refine.steps
    left = 60 * refine.minutes - 2 * evaluation_seconds  # the start's and the last one's
    return max(1, min(refine.steps, int(left / (step_seconds + evaluation_seconds / refine.eval_steps))))


@dataclass(frozen=True)
class RefineChoice:
    """A way of refining.

    Attributes:
        rows: summaries that are drawn at a time.
        update: how the update is computed; its memory and time are its own.
        memory: of the whole, with `caches` and `copies` among its parts.
        fits: whether that is within the limits.
        drawing_seconds: of a step.
    """

    rows: int
    update: Choice
    memory: Memory
    fits: bool
    drawing_seconds: float

    @property
    def job(self) -> TrainingJob:
        """Return the update's job."""
        return self.update.job

    def update_seconds(self, config: Config) -> float:
        """Return the update's seconds; a distance from the start takes two more forward passes."""
        return self.update.time.seconds * (5 / 3 if config.refine.kl else 1)

    def seconds(self, config: Config) -> float:
        """Return the seconds of a step, but for the rewards."""
        return self.drawing_seconds + self.update_seconds(config)

    def rank(self, config: Config) -> tuple[bool, float]:
        """Return what is least for the best choice: of those that fit time decides, of others memory."""
        return not self.fits, self.seconds(config) if self.fits else self.memory.device_bytes


def fastest_refining(
    config: Config,
    job: TrainingJob,
    device: Device,
    examples: tuple[tuple[ExampleTokens, ...], tuple[ExampleTokens, ...]],
    limits: MemoryLimits,
    steady_bytes: int | None = None,
) -> RefineChoice:
    """Return the fastest way within the limits, or the one that takes least memory: more rows leave the update less.

    Args:
        config: all settings.
        job: the update, from `refine_job`.
        device: its rates.
        examples: the dialogues that are trained on, and those that are evaluated.
        limits: of the memory.
        steady_bytes: allocated before the first step, with all states, where a real model told.
    """
    train, held = examples
    refine, most = config.refine, config.tokenizer.decoder_max_len
    sizes = DrawingSizes.of(config, job, [*train, *held])
    steps = min(refine.steps, _STEPS_LAID_OUT)
    load = Workload(group_tokens(train, config), config.training.seed, steps, groups=True)
    copies = _copied_bytes(config, job)
    found: list[RefineChoice] = []
    rows = most_rows(config, job.cpu)
    while True:
        standing = {"caches": sizes.caches(rows), "copies": copies}
        beside = sum(standing.values())
        within = MemoryLimits(limits.peak_bytes - beside, limits.device_bytes - beside)
        update, _ = fastest_choice(job, load, device, within, steady_bytes)
        largest = update.work.largest
        adds = {name: job.side_by_side * size for name, size in packed_parts(job, largest, update.how).items()}
        memory = total_memory(job, adds, largest.tokens, sizes.evaluation(rows, len(held)), steady_bytes)
        memory = Memory(memory.parts | standing, memory.peak_bytes + beside, memory.device_bytes + beside)
        drawn = drawing_seconds(job, device, rows, spread(train, refine.dialogues), refine.samples, most)
        found.append(RefineChoice(rows, update, memory, limits.allow(memory), drawn))
        best = min(found, key=lambda one: one.rank(config))
        if rows == 1 or job.cpu or (best.fits and drawn >= best.seconds(config)):  # fewer only take longer to draw
            return best
        rows //= 2


def refine_job(config: Config, job: TrainingJob) -> TrainingJob:
    """Return the update of a model's refining as a training: steps of groups by the packed engine and torch's AdamW.

    Raises:
        YoyakError: the packed engine can't train a model so.
    """
    if obstacle := engine_obstacle(config, method_of(config), job.dtype):
        raise YoyakError(f"refining needs the packed engine, which can't train this model: {obstacle}")
    tokens = config.refine.micro_batch_tokens
    optimizer = "adamw_torch" if job.cpu else "adamw_torch_fused"
    return replace(
        job,
        engine="packed",
        optimizer=optimizer,
        batch_size=config.refine.dialogues,
        accumulation=1,
        cards=1,  # each takes its own dialogues, of any length
        dealt=None,
        micro_batch_tokens=job.micro_batch_tokens if tokens == "auto" else tokens,
    )


def refining_of_one_card(config: Config, cards: int) -> Config:
    """Return the settings of the part that one of so many cards has of each step."""
    refine = config.refine
    part = refine.model_copy(update={"dialogues": -(-refine.dialogues // cards)})
    return config.model_copy(update={"refine": part})


def refuse_few(dialogues: int, config: Config) -> None:
    """Raise YoyakError where there are fewer dialogues than a step takes."""
    wanted = config.refine.dialogues
    if dialogues < wanted:
        raise YoyakError(
            f"a step takes {wanted} dialogues and data.train has {dialogues}; set refine.dialogues={dialogues}"
        )


def group_tokens(examples: tuple[ExampleTokens, ...], config: Config) -> tuple[ExampleTokens, ...]:
    """Return tokens and targets of each dialogue's group: its prompt once, and its summaries.

    Summaries are as long as the reference; only those of the longest prompt, which may bound a micro-batch, are as long
    as they can be.
    """
    refine, most = config.refine, config.tokenizer.decoder_max_len
    longest = max(range(len(examples)), key=lambda index: examples[index][0] - examples[index][1])
    groups = []
    for index, (tokens, reference) in enumerate(examples):
        targets = refine.samples * (most if index == longest else min(reference, most))
        targets += reference if refine.imitation else 0
        groups.append((tokens - reference - 1 + targets, targets))
    return tuple(groups)


def _copied_bytes(config: Config, job: TrainingJob) -> int:
    """Return the bytes of copies of what trains: its average in float32, its start, itself while these are in place."""
    average, start = bool(config.refine.average), bool(config.refine.kl)
    return job.trained * (4 * average + job.trained_element * (start + (average or start)))
