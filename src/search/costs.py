"""What a trial costs: its work in the planner's seconds of this machine, which `pace.py` corrects."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ..config.schema import Config, GenerationSettings
from ..errors import YoyakError
from ..planner.devices import Device
from ..planner.duration import evaluation_seconds
from ..planner.evaluation import evaluation_work
from ..planner.lengths import Lengths
from ..planner.model_shape import ModelShape
from ..planner.plan import Situation, evaluations, make_plan, run_steps
from ..planner.refining import make_refine_plan

_SUMMARY_TOKENS = 1.3  # of a summary, in lengths of its reference
_LOSS_SHARE = 0.1  # of the training since the evaluation before, that a trial's evaluation loss may take
_FORWARD = 1 / 3  # of the work of a training example, which has a forward and a backward pass
_LEAST_LOSSES = 16

_Example = TypeVar("_Example")


@dataclass(frozen=True)
class Units:
    """A trial's work in the planner's seconds of this machine, which only tell how trials compare.

    Attributes:
        steps: optimizer steps of the whole trial.
        step: seconds of a step.
        evaluations: of the loss, in the whole trial.
        evaluation: seconds of one.
        prompt: seconds of one evaluation dialogue's prompt.
        token: seconds of a generated token.
        tokens: of a summary, as the references are long.
        fits: whether memory holds it; `peak_bytes` is what its tensors take, and `device_bytes` all of it.
    """

    steps: int
    step: float
    evaluations: int
    evaluation: float
    prompt: float
    token: float
    tokens: float
    fits: bool = True
    peak_bytes: int = 0
    device_bytes: int = 0

    @property
    def memory_bytes(self) -> int:
        """Return what the device must have, also of a trial that an older version counted."""
        return self.device_bytes or self.peak_bytes

    @property
    def whole(self) -> float:
        """Return the seconds of training and its evaluations."""
        return self.steps * self.step + self.evaluations * self.evaluation


@dataclass(frozen=True)
class Spent:
    """What a part of a trial, or a whole one, has taken: measured seconds, with how much of each work that was.

    `begin` is all that is neither training, evaluation nor summaries: loading, saving, the record.
    """

    begins: int = 0
    begin: float = 0.0
    steps: int = 0
    train: float = 0.0
    evaluations: int = 0
    evaluate: float = 0.0
    summaries: int = 0
    tokens: int = 0
    summarize: float = 0.0

    @property
    def seconds(self) -> float:
        """Return all seconds."""
        return self.begin + self.train + self.evaluate + self.summarize

    def plus(self, more: "Spent") -> "Spent":
        """Return the sums."""
        return Spent(**{name: value + getattr(more, name) for name, value in vars(self).items()})


@dataclass(frozen=True)
class Machine:
    """What costs are counted for: the model, the examples' lengths and the device.

    Attributes:
        losses: how many evaluation dialogues a trial's evaluation loss is of (see `loss_dialogues`); None for all.
        flash: as in `Situation`.
    """

    shape: ModelShape
    train: Lengths
    dev: Lengths
    device: Device
    losses: int | None = None
    flash: bool = False

    def situation(self, config: Config) -> Situation:
        """Return what a trial's plan is made of."""
        return Situation(config, self.shape, self.train, self.dev, self.device, flash=self.flash)

    def units(self, config: Config) -> Units:
        """Return a trial's work.

        Raises:
            YoyakError: settings that exclude each other.
        """
        situation = self.situation(config)
        examples, held = situation.examples(), situation.examples(evaluation=True)
        plan = make_plan(situation)
        some = evenly_spread(held, len(held) if self.losses is None else self.losses)
        job = plan.choice.job
        loss = evaluation_seconds(job, self.device, *evaluation_work(job, some, plan.choice.micro_batch_tokens))
        steps = run_steps(config, len(examples))
        prompt, token, tokens = self._summary(config)
        return Units(
            steps=steps,
            step=plan.choice.time.seconds,
            evaluations=evaluations(config, len(examples), steps),
            evaluation=loss,
            prompt=prompt,
            token=token,
            tokens=tokens,
            fits=plan.fits or self.device.cpu,
            peak_bytes=plan.choice.memory.peak_bytes,
            device_bytes=plan.choice.memory.device_bytes,
        )

    def loss_dialogues(self, config: Config, space: Collection[str]) -> int:
        """Return how many of the evaluation dialogues the evaluation loss of a search's trials is of.

        Summaries of all decide between trials; the loss only between a trial's checkpoints and those that have paused.
        Of all dialogues it may take as long as the training: of 100, beside 80 training dialogues on two cores, some
        two of a trial's four minutes. So it is of as many as take a tenth of the training between two evaluations, and
        of 16 at the least. The config as it is decides that, not a trial's settings: losses of other dialogues can't
        be compared.

        All are taken where summaries choose among checkpoints, in the config or in the `space` of settings.
        """
        if config.training.metric_for_best_model != "eval_loss" or "training.metric_for_best_model" in space:
            return len(self.dev)
        examples = len(self.situation(config).examples())
        steps, batch = run_steps(config, examples), config.training.batch_size
        trained = steps * batch * config.training.gradient_accumulation_steps / evaluations(config, examples, steps)
        return min(len(self.dev), max(_LEAST_LOSSES, round(_LOSS_SHARE / _FORWARD * trained)))

    def refining(self, config: Config) -> "RefineUnits":
        """Return the work of refining a model that was trained by a config.

        Raises:
            YoyakError: the model can't be refined, memory is too small, or a step takes more dialogues than there are.
        """
        plan = make_refine_plan(self.situation(config))
        if not plan.fits and not self.device.cpu:
            raise YoyakError(f"takes {plan.memory.peak_bytes / 1e9:.1f} GB of memory, more than there is")
        drawn = config.model_copy(deep=True)
        drawn.generation = GenerationSettings(mbr_samples=config.refine.samples - 1)
        prompt, token, tokens = self._summary(drawn)
        drawing = config.refine.dialogues * (prompt + token * tokens)
        return RefineUnits(drawing, plan.step_parts["update"], plan.step_parts["rewards"])

    def _summary(self, config: Config) -> tuple[float, float, float]:
        """Return the seconds of a prompt's products, those of a token with the weights read for it, and the tokens of
        one dialogue.
        """
        generation, longest, parameters = config.generation, config.tokenizer.encoder_max_len, self.shape.parameters
        rows = generation.batch_size if isinstance(generation.batch_size, int) else 16 if self.device.cpu else 256
        rows = max(1, min(rows, len(self.dev)))
        prompt = sum(min(length, longest) for length in self.dev.prompts) / len(self.dev)
        reference = sum(self.dev.responses) / len(self.dev)
        tokens = min(_SUMMARY_TOKENS * reference, config.tokenizer.decoder_max_len)
        product = 2 * parameters / self.device.flops
        return (
            product * prompt,
            product + 2 * parameters / self.device.bandwidth / rows,
            tokens * drawn_summaries(generation),
        )


@dataclass(frozen=True)
class RefineUnits:
    """A refining's step in the planner's seconds: summaries that are drawn, the update, and rewards."""

    drawing: float
    update: float
    rewards: float


def evenly_spread(examples: Sequence[_Example], count: int) -> list[_Example]:
    """Return so many of the examples, as far from each other as they can be: files may be sorted by topic."""
    count = min(count, len(examples))
    return [examples[place * len(examples) // count] for place in range(count)]


def drawn_summaries(generation: GenerationSettings) -> int:
    """Return how many summaries of a dialogue are generated for the one that is taken."""
    return (1 + generation.mbr_samples) * generation.num_beams
