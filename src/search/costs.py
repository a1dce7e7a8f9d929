"""What a trial costs: the planner's seconds, corrected by the pace at which this search's trials have run."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ..config.schema import Config
from ..planner.devices import Device
from ..planner.duration import evaluation_seconds
from ..planner.job import job_of
from ..planner.lengths import Lengths
from ..planner.plan import Situation, evaluations, make_plan, padded_evaluation, run_steps
from ..planner.shapes import ModelShape

_NEWEST = 5  # trials that tell the pace: a machine may get busier
_GUESSED_BEGIN = 4.0  # seconds to load a model, before any was measured
_SUMMARY_TOKENS = 1.3  # of a summary, in lengths of its reference


@dataclass(frozen=True)
class Units:
    """A trial's work in the planner's seconds of this machine, which only tell how trials compare.

    Attributes:
        steps: optimizer steps of the whole trial.
        step: seconds of a step.
        evaluations: of the loss, in the whole trial.
        evaluation: seconds of one.
        summary: seconds of the summary of one evaluation dialogue.
        fits: whether memory holds it; `peak_bytes` is what it takes.
    """

    steps: int
    step: float
    evaluations: int
    evaluation: float
    summary: float
    fits: bool = True
    peak_bytes: int = 0

    @property
    def whole(self) -> float:
        """Return the seconds of training and its evaluations."""
        return self.steps * self.step + self.evaluations * self.evaluation


@dataclass(frozen=True)
class Spent:
    """What a trial has taken so far, in measured seconds, with how much of each work that was."""

    begins: int = 0
    begin: float = 0.0
    steps: int = 0
    train: float = 0.0
    evaluations: int = 0
    evaluate: float = 0.0
    summaries: int = 0
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
    """What costs are counted for: the model, the examples' lengths and the device."""

    shape: ModelShape
    train: Lengths
    dev: Lengths
    device: Device

    def units(self, config: Config) -> Units:
        """Return a trial's work.

        Raises:
            YoyakError: settings that exclude each other.
        """
        situation = Situation(config, self.shape, self.train, self.dev, self.device)
        examples, held = situation.examples(), situation.examples(evaluation=True)
        plan, job = make_plan(situation), job_of(config, self.shape, self.device)
        padded, targets, batches = padded_evaluation(held, job.eval_batch_size)
        loss = evaluation_seconds(job, self.device, padded, targets, batches)
        steps = run_steps(config, len(examples))
        return Units(
            steps=steps,
            step=plan.choice.time.seconds,
            evaluations=evaluations(config, len(examples), steps),
            evaluation=loss,
            summary=self._summary_seconds(config),
            fits=plan.fits or self.device.cpu,
            peak_bytes=plan.choice.memory.peak_bytes,
        )

    def _summary_seconds(self, config: Config) -> float:
        """Return the seconds of one dialogue's summary: its prompt's products, and the weights read for each token."""
        generation, longest = config.generation, config.tokenizer.encoder_max_len
        rows = generation.batch_size if isinstance(generation.batch_size, int) else 16 if self.device.cpu else 256
        rows = max(1, min(rows, len(self.dev)))
        prompt = sum(min(length, longest) for length in self.dev.prompts) / len(self.dev)
        reference = sum(self.dev.responses) / len(self.dev)
        tokens = min(_SUMMARY_TOKENS * reference, config.tokenizer.decoder_max_len)
        drawn = (1 + generation.mbr_samples) * generation.num_beams
        parameters = self.shape.parameters
        products = 2 * parameters * (prompt + tokens * drawn) / self.device.flops
        return products + tokens * drawn * 2 * parameters / self.device.bandwidth / rows


@dataclass(frozen=True)
class Pace:
    """How long this machine takes for a unit of each work, from the trials that have run; 1 where nothing has."""

    begin: float = _GUESSED_BEGIN
    step: float = 1.0
    evaluation: float = 1.0
    summary: float = 1.0
    measured: bool = False

    def seconds(self, units: Units, summaries: int, begins: int = 1, done: int = 0, until: int | None = None) -> float:
        """Return the seconds of a trial from step `done` to its end with `summaries`, or to step `until`."""
        share = ((units.steps if until is None else until) - done) / units.steps
        evaluated = units.evaluations * share + begins
        seconds = begins * self.begin + units.steps * share * units.step * self.step
        return seconds + evaluated * units.evaluation * self.evaluation + summaries * units.summary * self.summary


def pace_of(trials: Sequence[tuple[Units, Spent]]) -> Pace:
    """Return the pace of the newest trials, given in order."""
    newest = [(units, spent) for units, spent in trials if spent.begins][-_NEWEST:]
    if not newest:
        return Pace()
    steps = [spent.train / (spent.steps * units.step) for units, spent in newest if spent.steps]
    losses = [s.evaluate / (s.evaluations * u.evaluation) for u, s in newest if s.evaluations and u.evaluation]
    summaries = [s.summarize / (s.summaries * u.summary) for u, s in newest if s.summaries]
    return Pace(
        begin=median(spent.begin / spent.begins for _, spent in newest),
        step=median(steps) if steps else 1.0,
        evaluation=median(losses) if losses else 1.0,
        summary=median(summaries) if summaries else 1.0,
        measured=True,
    )
