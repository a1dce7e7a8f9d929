"""`yoyak refine`: go on from a finished run's model, on the same data, by the reward of whole summaries."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...bilingual import halves
from ...config.effects import OF_A_NEW_ADAPTER, without_effect_in_training
from ...config.loader import differences, load_config
from ...config.schema import Config
from ...config.typed import typed_path
from ...config.unread import UNREAD_BY_REFINING, refuse_of_search, refuse_unread_by_refining
from ...errors import YoyakError
from ...evaluation.tokenizations import need_analyser
from ...ranks.group import agreed, gathered, is_first_rank, rank_count, working_alone
from ...ranks.launcher import usable_cores
from ...runs.outcomes import RefineFigures, TrainFigures
from ...runs.schema import ResolvedChoices, RunRecord
from ..mbr_start import mbr_start
from ..saved_settings import SETTINGS_FILE as SAVED
from ..saved_settings import load_saved
from ..several import ONE, Several
from ..together import as_asked
from .config import warn_long_warmup
from .folder import RunContext
from .launch import refine_arguments
from .request import TrainRequest
from .train import begun_run

if TYPE_CHECKING:
    from ...data.files.sources import DialogueTable
    from ...data.llm_dataset import LLMSummarizationDataset
    from ...training.refine.refiner import RefineExample
    from ...training.refine.run import RefineRun

NAMED = "_refined"
"""What stands behind a run's name in that of its refining."""
_OF_THE_REWARD = ("evaluation.tokenization", "evaluation.stemmer")
_OF_THE_MODEL = (*OF_A_NEW_ADAPTER, "use_lora")


def refine_run(
    run: str,
    overrides: Sequence[str] = (),
    overwrite: bool = False,
    resume: bool = False,
    several: Several = ONE,
) -> Path:
    """Refine the model of a finished run; return the folder of the new run, `outputs/NAME_refined/`.

    Raises:
        YoyakError: the run has no final model, its settings or data can't be used, or the model can't be refined.
        SystemExit: as `train_run`.
    """
    config = refine_config(run, overrides)
    request = TrainRequest(config.experiment.name, overrides, overwrite=overwrite, resume=resume)
    with as_asked(several, refine_arguments(run, request), config.training.rank_timeout):
        return refine_within(config, request)


def refine_config(run: str, overrides: Sequence[str]) -> Config:
    """Return the settings of a finished run, with its model to go on from, under the name `NAME_refined`."""
    final = _final_model(run)
    named = {override.partition("=")[0].strip() for override in overrides}
    config = load_saved(final, list(overrides))
    refuse_of_search(overrides)
    _refuse_without_effect(config, final, named)
    need_analyser(config.evaluation.tokenization)
    its_model = "lora.adapter" if config.lora.use_lora else "model.checkpoint"
    if its_model in named:
        raise YoyakError(f"{its_model} is the final model of {run}; leave it out")
    if config.lora.use_lora:
        config.lora.adapter = str(final)
    else:
        config.model.checkpoint = str(final)
    config.training.neftune_noise_alpha = None  # of the training's own examples
    config.training.base_precision = "compute"
    if "experiment.name" not in named:
        config.experiment.name += NAMED
    if config.experiment.run_dir.resolve() == final.resolve().parent:
        raise YoyakError(f"experiment.name = {config.experiment.name}: is the run that is refined; name another")
    mbr_start(config, refining=True)
    return config


def _refuse_without_effect(config: Config, final: Path, named: set[str]) -> None:
    """Raise YoyakError for a setting that was typed, is not the run's own, and would change nothing."""
    of_the_model = {f"lora.{name}" for name in _OF_THE_MODEL}
    typed = named & (of_the_model | UNREAD_BY_REFINING)
    if not typed:
        return
    changed = differences(config, load_config(final / SAVED, ["model.trust_remote_code=false"]))
    for setting in sorted(typed & of_the_model & changed.keys()):
        raise YoyakError(f"{setting}: the run's model was trained with {changed[setting][0]}; leave it out")
    refuse_unread_by_refining(typed & changed.keys())


def _final_model(run: str) -> Path:
    """Return the final model of a run that is named by its folder, by that of its model, or by its name."""
    folder = Path(os.path.expanduser(run))
    places = (folder, folder / "final_model", Path("outputs") / run / "final_model")
    final = next((place for place in places if (place / SAVED).is_file()), None)
    if final is None:
        raise YoyakError(f"{run}: no finished run; name a run's folder, such as outputs/NAME, or its final_model")
    return final


def refine_within(config: Config, request: TrainRequest, in_time: Callable[[], bool] = lambda: True) -> Path:
    """Refine from config to report, or go on with it; return the folder.

    `in_time` is asked after each step: False ends the refining with an evaluation.
    """
    with begun_run(config, request, "refine") as run:
        if run is None:
            return config.experiment.run_dir
        from ...reports.report import write_report
        from ...training.peak_memory import peak_memory_bytes
        from ...training.refine.memory import GroupLengths, drawing_rows, update_settings
        from ...training.refine.probe import refuse_unpacked, refuse_unpacked_checkpoint
        from ...training.refine.refiner import Refiner
        from ...training.refine.reward import Rewarder, RewardRule
        from ...training.refine.run import RefineRun
        from ...training.state.final_model import write_final_model
        from ...training.state.identity import refuse_another_run, refuse_other_ranks, run_identity, start_digest
        from ...training.state.resolved import agreed_by_all, resolve
        from . import refine_plan, run_steps, show, train_data

        began = Path(config.lora.adapter or config.model.checkpoint).parent
        tables = train_data.load_tables(run)
        train_data.note_other_data(run, began)
        loader = run_steps.create_loader(run)
        loader.sharding = "none"  # summaries are drawn from whole weights
        refuse_unpacked_checkpoint(config, loader.checkpoint, loader.compute.dtype)
        for sentence in without_effect_in_training(config.training, "packed", loader.compute.device):
            run.logger.warning(sentence)
        train_set, eval_set = run_steps.encode_tables(run, tables, loader.tokenizer)
        trained, evaluated = refine_examples(train_set, tables["train"]), refine_examples(eval_set, tables["eval"])
        if config.refine.imitation:
            run_steps.warn_long_examples(run, loader, train_set)
        warn_long_warmup(config, run.logger)
        plan = refine_plan.plan_refining(run, loader.facts.model_config, trained, evaluated)
        model, tokenizer = loader.load_model_and_tokenizer(config.lora.use_lora, config.lora.use_qlora)
        run_steps.record_model(run, loader, model)
        refuse_unpacked(config, model, loader.compute.dtype)
        facts = run_identity(config, model, train_set, eval_set) | {"start": start_digest(model)}
        refuse_other_ranks(facts)
        if run.earlier and run.checkpoint:
            refuse_another_run(run.folder, facts, run.earlier.facts, config, _OF_THE_REWARD)
            refuse_another_start(run, facts["start"])
        rule = RewardRule(
            config.refine.reward, config.evaluation.tokenization, config.evaluation.stemmer, config.refine.facts_weight
        )
        rooms = gathered(drawing_rows(model, config, trained, evaluated))  # the card with the least decides for all
        rows = min(its for its, _ in rooms)
        left = min((gb for _, gb in rooms if gb is not None), default=None)
        within, groups = update_settings(config, left), GroupLengths.of(trained, config)
        decided = run.earlier.resolved if run.earlier else None
        resolved = resolve(within, model, groups, compute=loader.compute, earlier=decided, logger=run.logger)
        resolved = agreed_by_all(resolved)
        record = resolved.record(config.training) | ({"processes": rank_count()} if rank_count() > 1 else {})
        run.file.update(RunRecord(resolved=ResolvedChoices.model_validate(record)))
        facts["resolved"] = resolved.as_dict()
        before = run_steps.score(run, model, tokenizer, eval_set, tables["eval"], "zero_shot", of_base=False)
        with Rewarder(rule, max(1, usable_cores() // rank_count() - 1)) as rewarder:
            refiner = Refiner(model, tokenizer, train_set.prompt, trained, config, rewarder, resolved, rows)
            refining = RefineRun(refiner, evaluated, run.folder, facts, run.checkpoint, in_time)
            refining.train(lambda step, figures: say_step(run, step, refiner.settings.steps, figures))
        run.logger.info("Refining has ended: %s", refining.why)
        peak_bytes = max(gathered(peak_memory_bytes()))
        if is_first_rank():
            record_refining(run, refining, peak_bytes)
            refine_plan.record_refine_plan(run, plan, peak_bytes)
            with working_alone():
                model_path = write_final_model(run.folder, model, tokenizer, config)
            run.file.update(RunRecord(model_path=str(model_path)))
        start_folder = agreed(lambda: mbr_start(config, refining=True, say=run.logger.warning))
        after = run_steps.score(
            run, model, tokenizer, eval_set, tables["eval"], "fine_tuned", start_folder=start_folder
        )
        if not is_first_rank():
            return run.folder
        if before and after:
            run_steps.save_predictions(run, tables["eval"], before, after)
            show.show_examples(run, tables["eval"], before, after, ("before", "after"))
        train_data.note_changed_data(run)
    write_report(run.folder)
    show.show_next_command(run)
    if after and (began / "predictions.jsonl").is_file():
        places = f"{typed_path(began)} {typed_path(run.folder)}"
        run.console.print(f"Compare: yoyak compare {places} --out compare.html")
    return run.folder


def refuse_another_start(run: RunContext, start: str) -> None:
    """Raise YoyakError where the model that a refining began with has been trained anew since."""
    began = run.earlier.facts.get("start", start) if run.earlier else start
    if began != start:
        model = run.config.lora.adapter or run.config.model.checkpoint
        raise YoyakError(
            f"{run.folder}: can't go on: {model} has other weights than when this refining began; begin anew with "
            "--overwrite or another experiment.name"
        )


def refine_examples(dataset: "LLMSummarizationDataset", table: "DialogueTable") -> "list[RefineExample]":
    """Return a table's dialogues with their prompts, as they are trained on."""
    from ...data.prompt.templates import IGNORE
    from ...training.refine.refiner import RefineExample

    found = []
    prompts = len(dataset) // len(table.rows)  # of each dialogue side by side; the first is that of use
    for index, row in enumerate(table.rows):
        item = dataset[prompts * index]
        ids, own = item["input_ids"], item["labels"] != IGNORE
        found.append(RefineExample(row.dialogue, ids[~own].tolist(), row.summary, ids[own].tolist()))
    return found


def say_step(run: RunContext, step: int, steps: int, figures: dict[str, float]) -> None:
    """Print a step's figures."""
    run.logger.info(
        "Step %d of %d: reward %.1f (score %.1f), %.1f words, %.0f%% ended, %.0f%% copied, %.0f%% repeated, "
        "entropy %.2f, %.1f s",
        step,
        steps,
        figures["reward"],
        figures["score"],
        figures["words"],
        100 * figures["ended"],
        100 * figures["copied"],
        100 * figures["repeated"],
        figures["entropy"],
        figures["seconds"],
    )


def record_refining(run: RunContext, refining: "RefineRun", peak_bytes: int) -> None:
    """Record what became of the evaluation dialogues' summaries, and how long it took."""
    from ...reports.refining import NOTHING_GAINED, OF_GREEDY, generates_greedily

    first, best = refining.evaluations[0], refining.best
    refine = RefineFigures.model_validate(halves("why_ended", refining.why) | {"start": first, "best": best})
    train = TrainFigures(steps=refining.refiner.step, wall_seconds=refining.seconds, peak_memory_bytes=peak_bytes)
    run.file.update(RunRecord(refine=refine, train=train))
    run.logger.info(
        "Evaluation dialogues: reward %.2f -> %.2f (step %d), score %.2f -> %.2f, facts kept %.0f%% -> %.0f%%, "
        "facts unsupported %.2f -> %.2f a summary, words %.1f -> %.1f",
        first["eval_reward"],
        best["eval_reward"],
        best["step"],
        first["eval_score"],
        best["eval_score"],
        100 * first["eval_facts_kept"],
        100 * best["eval_facts_kept"],
        first["eval_facts_unsupported"],
        best["eval_facts_unsupported"],
        first["eval_words"],
        best["eval_words"],
    )
    if not generates_greedily(run.config.generation.model_dump()):
        run.logger.info(OF_GREEDY)
    if best["step"] == first["step"]:
        run.logger.info(NOTHING_GAINED)
