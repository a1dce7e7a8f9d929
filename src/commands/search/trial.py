"""A trial: a run of the config with other settings, trained to a pause or to its end, measured on the way."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config.loader import changed_config
from ...config.schema import Config
from ...config.search import SearchSettings
from ...files import write_atomic
from ...search.costs import Spent, drawn_summaries, evenly_spread
from ...search.folder import SCORES_FILE, trial_name
from ...search.objective import mean_unsupported_facts, objective_scores
from ...search.space import Settings
from ..train.request import TrainRequest
from ..train.train import begun_run

if TYPE_CHECKING:
    from ...data.files.sources import DialogueTable
    from ...inference.scored import Evaluation
    from ...training.response_trainer import ResponseTrainer
    from ..train.folder import RunContext

FINAL, EARLIER = "final_model", "earlier"
"""In a trial's folder: the model, and adapters of checkpoints whose weights were not taken, by step."""


@dataclass(frozen=True)
class TrialScores:
    """What a finished trial's summaries score."""

    scores: list[float]
    unsupported_facts: float = 0.0


@dataclass(frozen=True)
class Stage:
    """What one part of a trial came to: `scores` where it is finished."""

    measured: dict[int, float]
    spent: Spent
    scores: TrialScores | None


def trial_config(config: Config, number: int, settings: Settings, folder: Path, dev: str | None) -> Config:
    """Return the settings of a trial, whose run goes to `folder/trial_NUMBER`; `dev` replaces `data.eval`."""
    its = changed_config(config, settings, "search.space")
    its.experiment.output_dir, its.experiment.name = str(folder), trial_name(number)
    its.evaluation.generate, its.training.report_to = True, []
    if dev is not None:
        its.data.eval, its.data.max_eval_examples = dev, None
    its.search = SearchSettings()
    return its


def pause_steps(shares: Sequence[float], steps: int) -> list[int]:
    """Return after which steps a trial of so many pauses."""
    return [max(1, round(share * steps)) for share in shares]


def run_stage(
    config: Config,
    search: SearchSettings,
    steps: int,
    until: int | None,
    in_time: Callable[[int], bool],
    losses: int | None = None,
) -> Stage:
    """Begin a trial or go on with it, to pause number `until` or (None) to its end.

    Its evaluation loss is of `losses` of the evaluation dialogues; None for all.

    Raises:
        YoyakError: it can't be trained.
        KeyboardInterrupt: stopped by a signal; the run can go on.
    """
    from ...training.pause import PauseAt, TrainingPaused

    began = time.perf_counter()
    request = TrainRequest(config.experiment.name, resume=True, quiet=True)
    # Without pauses a trial that the time cuts off is measured all the same.
    pause = PauseAt(pause_steps(search.pauses, steps) or [steps], [], until, in_time)
    times = _Times(config)
    scores = None
    try:
        with begun_run(config, request, "search") as run:
            scores = (
                read_scores(config.experiment.run_dir) if run is None else _train(run, search, pause, times, losses)
            )
    except TrainingPaused:
        pass
    return Stage(dict(pause.measured), times.until(time.perf_counter() - began), scores)


def read_scores(run_dir: Path) -> TrialScores:
    """Return what a finished trial's summaries score."""
    return TrialScores(**json.loads((run_dir / SCORES_FILE).read_text(encoding="utf-8")))


def has_scores(run_dir: Path) -> bool:
    """Tell whether a finished trial's scores are there: somebody may have removed its folder."""
    return (run_dir / SCORES_FILE).is_file()


class _Times:
    """What a part of a trial takes, by kind of work."""

    def __init__(self, config: Config) -> None:
        self._spent = Spent()
        self._losses = 0  # measured at pauses, of which the trainer's log knows nothing
        self._drawn = drawn_summaries(config.generation)

    def loss(self, trainer: "ResponseTrainer") -> float:
        """Return the evaluation loss, the less the better, as a measurement of which more is better."""
        from ...training.pause import evaluation_loss

        self._losses += 1
        return -evaluation_loss(trainer)

    def trained(self, trainer: "ResponseTrainer", before: tuple[int, float, float, int]) -> None:
        """Take the trainer's figures, less those from before this part."""
        step, seconds, evaluating, evaluations = before
        evaluate = trainer.evaluation_seconds - evaluating
        self._spent = replace(
            self._spent,
            begins=1,
            steps=trainer.state.global_step - step,
            train=max(trainer.seconds_trained() - seconds - evaluate, 0.0),
            evaluations=_logged_losses(trainer.state.log_history) - evaluations + self._losses,
            evaluate=evaluate - self._spent.summarize,
        )

    def summarized(self, summaries: Sequence[str], tokenizer: Any, seconds: float) -> None:
        """Add summaries."""
        tokens = self._drawn * sum(len(ids) + 1 for ids in tokenizer(list(summaries)).input_ids)
        self._spent = self._spent.plus(Spent(summaries=len(summaries), tokens=tokens, summarize=seconds))

    def until(self, seconds: float) -> Spent:
        """Return all that a part of so many seconds took."""
        return replace(self._spent, begin=seconds - self._spent.seconds) if self._spent.begins else Spent()


def _train(run: "RunContext", search: SearchSettings, pause: Any, times: _Times, losses: int | None) -> TrialScores:
    """Train, score the summaries of the evaluation dialogues, and keep their scores in the run's folder."""
    from ...training.llm_trainer import create_llm_trainer
    from ..train import run_steps, train_data

    tables = train_data.load_tables(run)
    loader = run_steps.create_loader(run)
    train_set, eval_set = run_steps.encode_tables(run, tables, loader.tokenizer)
    run_steps.warn_long_examples(run, loader, train_set, eval_set)
    model, tokenizer = loader.load_model_and_tokenizer(run.config.lora.use_lora, run.config.lora.use_qlora)
    run_steps.record_model(run, loader, model)
    resolved = run_steps.resolve_run(run, loader, model, train_set, eval_set)
    few = pause_dialogues(search, len(tables["eval"].rows))
    by_summaries = partial(_pause_score, tokenizer, eval_set, few, run.config, search, times)
    count = len(search.pauses)
    pause.measures = [by_summaries if few and place == count - 1 else times.loss for place in range(max(count, 1))]
    options = {"logger": run.logger, "resume": run.checkpoint, "resolved": resolved, "pause": pause}
    trainer = create_llm_trainer(run.config, model, tokenizer, train_set, _measured(run, eval_set, losses), **options)
    saved = run.checkpoint.read_json("training_state.json") if run.checkpoint else {"seconds": [0.0, 0.0, 0.0]}
    logged = run.checkpoint.read_json("trainer_state.json")["log_history"] if run.checkpoint else []
    before = (run.checkpoint.step if run.checkpoint else 0, *saved["seconds"][:2], _logged_losses(logged))
    try:
        run_steps.train_and_record(run, trainer)
    finally:
        times.trained(trainer.trainer, before)
    start = time.perf_counter()
    after = run_steps.score(run, model, tokenizer, eval_set, tables["eval"], "fine_tuned")
    assert after is not None
    times.summarized(after.summaries, tokenizer, time.perf_counter() - start)
    scores = _scores(after, tables["eval"], run.config, search)
    write_atomic(run.folder / SCORES_FILE, json.dumps(vars(scores)), durable=True)
    _write_predictions(run.folder / "predictions.jsonl", tables["eval"], after)
    return scores


def _measured(run: "RunContext", eval_set: Any, losses: int | None) -> Any:
    """Return the examples that the evaluation loss is of."""
    if losses is None or losses >= len(eval_set):
        return eval_set
    run.logger.info("Evaluation loss: of %d of the %d evaluation dialogues, evenly spread", losses, len(eval_set))
    return evenly_spread(eval_set, losses)


def pause_dialogues(search: SearchSettings, dialogues: int) -> int:
    """Return how many dialogues are summarized at the last pause; 0 where so few would save nothing."""
    return search.pause_dialogues if search.pauses and dialogues > 2 * search.pause_dialogues else 0


def _pause_score(
    tokenizer: Any, eval_set: Any, few: int, config: Config, search: SearchSettings, times: _Times, trainer: Any
) -> float:
    """Return the mean score of summaries of the first evaluation dialogues, by the weights as they are."""
    from ...training.generation_score import generated_and_references

    start = time.perf_counter()
    examples = [eval_set[index] for index in range(few)]
    summaries, references = generated_and_references(trainer.model, tokenizer, examples, config)
    found = objective_scores(search.objective, summaries, references, config.evaluation)
    seconds = time.perf_counter() - start
    trainer.count_evaluation(seconds)  # no training either
    times.summarized(summaries, tokenizer, seconds)
    return sum(found) / len(found)


def _scores(after: "Evaluation", table: "DialogueTable", config: Config, search: SearchSettings) -> TrialScores:
    references = [row.summary for row in table.rows]
    scores = objective_scores(search.objective, after.summaries, references, config.evaluation)
    if search.most_unsupported_facts is None:
        return TrialScores(scores)
    return TrialScores(scores, mean_unsupported_facts(after.summaries, [row.dialogue for row in table.rows]))


def _write_predictions(path: Path, table: "DialogueTable", after: "Evaluation") -> None:
    from ...inference.scored import write_predictions

    write_predictions(path, table.rows, fine_tuned=after.summaries, ended=after.ended)


def _logged_losses(history: Sequence[dict[str, Any]]) -> int:
    return sum("eval_loss" in entry for entry in history)
