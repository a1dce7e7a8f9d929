"""The steps of a run: read, encode, score, record. Each says what it did and puts it into `run.json`."""

from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...bilingual import Text, count
from ...ranks.group import agreed, is_first_rank, rank_count
from ...runs.outcomes import Faults, RunScores, StageScores, TrainFigures
from ...runs.schema import AdapterCoverage, ResolvedChoices, RunRecord, SplitData, SplitLengths, SplitTruncation
from ..progress import progress
from .folder import RunContext
from .zero_shot import ZERO_SHOT, keep_zero_shot, kept_zero_shot

if TYPE_CHECKING:
    from ...data.files.sources import DialogueTable
    from ...data.llm_dataset import LLMSummarizationDataset
    from ...inference.scored import Evaluation
    from ...models.lora_loader import LoRALoader
    from ...training.llm_trainer import LLMTrainer
    from ...training.state.resolved import Resolved


def create_loader(run: RunContext) -> "LoRALoader":
    """Return what loads the model; a run that goes on computes as it did before, whatever would be measured now."""
    from ...models.compute import resolve_compute
    from ...models.lora_loader import LoRALoader
    from ...training.guards.deterministic import prepare_deterministic

    if run.config.training.deterministic:
        prepare_deterministic()
    resolved = run.earlier.resolved if run.earlier else None
    if resolved is None:
        compute = agreed(lambda: resolve_compute(run.config.model.dtype)) if rank_count() > 1 else None
        return LoRALoader(run.config, run.logger, compute)
    resolved.apply()
    config = run.config.model_copy(deep=True)
    config.lora.cache_dequantized = "on" if resolved.cache_dequantized else "off"
    return LoRALoader(config, run.logger, resolved.compute)


def encode_tables(
    run: RunContext, tables: "dict[str, DialogueTable]", tokenizer: Any
) -> "tuple[LLMSummarizationDataset, LLMSummarizationDataset]":
    """Encode both tables, the five instructions for training only, and record lengths and truncation."""
    from ...data.llm_dataset import create_llm_dataset
    from ...data.prompt.prompts import prompt_arguments

    datasets = []
    for split, table in tables.items():
        dataset = create_llm_dataset(
            [row.dialogue for row in table.rows],
            [row.summary for row in table.rows],
            tokenizer,
            **prompt_arguments(run.config),
            use_instruction_augmentation=split == "train" and run.config.data.instruction_augmentation,
            names=[row.fname for row in table.rows],
        )
        run.logger.info("%s: %s", split, dataset.truncation.sentence())
        cut, lengths = SplitTruncation(**dataset.truncation.as_dict()), length_summary(dataset.lengths)
        data = {split: SplitData(examples=len(dataset))}
        run.file.update(RunRecord(truncation={split: cut}, lengths={split: lengths}, data=data))
        datasets.append(dataset)
    run.file.update(RunRecord(resolved=ResolvedChoices(prompt=datasets[0].prompt.record())))
    if datasets[0].prompt.note:
        run.logger.info(datasets[0].prompt.note)
    return datasets[0], datasets[1]


def warn_long_examples(run: RunContext, loader: "LoRALoader", *datasets: "LLMSummarizationDataset") -> None:
    """Warn of examples, whose summaries are never cut, that are longer than the model has positions for.

    Raises:
        YoyakError: the model looks positions up in a table, which such an example goes beyond.
    """
    from ...planner.positions import check_example_lengths

    pairs = [pair for one in datasets for pair in zip(one.lengths, one.lengths - one.prompt_lengths, strict=True)]
    if warning := check_example_lengths(loader.facts.model_config, run.config.model.checkpoint, pairs):
        run.logger.warning(warning)


def length_summary(lengths: Any) -> SplitLengths:
    """Return mean, median, 95th percentile, maximum and histogram of example lengths in tokens."""
    import numpy as np

    from ...data.tools.check import count_bins

    p50, p95 = np.percentile(lengths, [50, 95])
    return SplitLengths(
        mean=round(float(lengths.mean()), 1),
        p50=round(float(p50), 1),
        p95=round(float(p95), 1),
        max=int(lengths.max()),
        histogram=[(part.high, part.count) for part in count_bins([int(n) for n in lengths])],
    )


def record_model(run: RunContext, loader: Any, model: Any) -> None:
    """Record what was loaded, in which type, and how many parameters train."""
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    # 4-bit weights hold two values a byte; quant_state knows the shape of the original.
    total = sum(p.quant_state.shape.numel() if hasattr(p, "quant_state") else p.numel() for p in model.parameters())
    resolved = ResolvedChoices.model_validate(loader.resolved)
    run.file.update(RunRecord(resolved=resolved, trainable_parameters=trainable, total_parameters=total))
    _record_coverage(run, model)
    choice = loader.compute
    run.logger.info("Compute: %s on %s (%s)", choice.dtype, choice.device, choice.reason)
    run.logger.info("Parameters: %s of %s train", f"{trainable:,}", f"{total:,}")


def _record_coverage(run: RunContext, model: Any) -> None:
    """Record which share of the layers' weights has adapters and is in 4 bit; warn where that is less than asked."""
    from ...models.coverage import measure_coverage

    lora = run.config.lora
    if lora.use_lora:
        coverage = measure_coverage(model, lora.target_modules, lora.use_qlora)
        run.file.update(RunRecord(coverage=AdapterCoverage.model_validate(coverage.as_dict())))
        run.logger.info(coverage.sentence())
        for line in coverage.warnings():
            run.logger.warning(line)


def resolve_run(run: RunContext, loader: "LoRALoader", model: Any, train_set: Any, eval_set: Any) -> "Resolved":
    """Decide, before hours are spent, how the run trains, and record it; a run that goes on does as it did.

    Raises:
        YoyakError: the model can't be trained as the settings ask, or not within the GPU's memory.
    """
    from ...data.prompt.own_template import FIXED_DATE
    from ...training.adapter_start import start_adapter
    from ...training.state.resolved import agreed_by_all, resolve

    start_adapter(run.config, model, loader.tokenizer, train_set, run.logger)
    earlier = run.earlier.resolved if run.earlier else None
    resolved = resolve(
        run.config,
        model,
        train_set,
        eval_set,
        compute=loader.compute,
        earlier=earlier,
        sharding=loader.sharding,
        logger=run.logger,
    )
    resolved = agreed_by_all(resolved)
    record = resolved.record(run.config.training)
    if rank_count() > 1:
        record |= {"processes": rank_count(), "sharding": resolved.sharding}
    if run.config.dataset.format_type == "chat" and run.config.model.chat_template == "auto":
        record["chat_template_date"] = f"{FIXED_DATE:%Y-%m-%d}"  # what a template that prints the day is given
    run.file.update(RunRecord(resolved=ResolvedChoices.model_validate(record)))
    return resolved


def refuse_replaced_model(run: RunContext, model: Any) -> None:
    """Raise YoyakError where a run's checkpoint is of another base model, before hours go into its summaries."""
    from ...training.state.identity import refuse_another_model

    if run.earlier and run.checkpoint:
        refuse_another_model(run.folder, model, run.earlier.facts, run.config)


def score(
    run: RunContext,
    model: Any,
    tokenizer: Any,
    eval_set: "LLMSummarizationDataset",
    table: "DialogueTable",
    stage: str,
    of_base: bool = True,
    start_folder: Path | None = None,
) -> "Evaluation | None":
    """Generate and score the evaluation dialogues where `evaluation.generate` is on; None where it is off.

    The stage `zero_shot` is the base model's, or, where `of_base` is False, that of the model that a run goes on from.
    `start_folder`: as in `evaluate_model`.
    """
    from ...config.effects import without_effect
    from ...data.prompt.reasoning import reasoning_note
    from ...inference.loops import loops_note
    from ...inference.scored import evaluate_model, score_rows
    from ...models.probe import found_by_probes
    from ...training.state.identity import model_digest, start_digest

    if not run.config.evaluation.generate:
        return None
    # A new adapter starts at zero; one that is trained further is switched off for the base model's own score.
    switched_off = stage == "zero_shot" and of_base and run.config.lora.adapter is not None
    said = stage.replace("_", "-") if of_base else "before refining"
    result, by = None, ""
    if stage == "zero_shot":
        for sentence in without_effect(run.config.generation):
            run.logger.warning(sentence)
        by = model_digest(model) if of_base else model_digest(model) + start_digest(model)
        result = agreed(lambda: kept_zero_shot(run, table, by))
    if result is None:
        bar = progress(run.console, f"Summarizing {count(len(table.rows), 'dialogue')}", len(table.rows))
        with bar as advance, model.disable_adapter() if switched_off else nullcontext():
            result = evaluate_model(model, tokenizer, eval_set.prompt, table.rows, run.config, advance, start_folder)
        if stage == "zero_shot" and is_first_rank():
            keep_zero_shot(run, table, by, result)
        run.file.update(RunRecord(resolved=ResolvedChoices(probes=found_by_probes(model))))
    report = score_rows(table.rows, result.summaries, None, run.config, facts=False)
    scores = StageScores(
        **report.run_scores(),
        unended=result.unended,
        looped=result.looped,
        reasoning_removed=result.reasoning_removed,
        mbr_temperature=result.mbr_temperature,
    )
    run.file.update(RunRecord(scores=RunScores.model_validate({stage: scores})))
    if result.reasoning_removed:
        run.logger.warning("%s: %s", said, reasoning_note(result.reasoning_removed))
    if result.looped:
        run.logger.warning("%s: %s", said, loops_note(result.looped, run.config.generation.truncates_loops))
    interval = report.scores["rouge_sum"]
    run.logger.info("%s: %s, sum's 95%% interval %.2f to %.2f", said, result.scores, interval.low, interval.high)
    return result


def train_and_record(run: RunContext, trainer: "LLMTrainer") -> dict[str, Any]:
    """Train with a bar; record the figures, and whatever the end is, what went wrong and was mended."""
    from ...training.logs.callbacks import ProgressBar

    trainer.trainer.add_callback(ProgressBar(run.console, trainer.trainer))
    try:
        results = trainer.train()
    finally:
        with suppress(OSError):  # of the disk, which is said elsewhere
            run.file.update(RunRecord(faults=Faults.model_validate(trainer.trainer.faults())))
    _record_results(run, results)
    return results


def _record_results(run: RunContext, results: dict[str, Any]) -> None:
    """Record the figures of a finished training."""
    figures = TrainFigures(
        loss=results["train_loss"],
        eval_loss=results["eval_metrics"].get("eval_loss"),
        eval_rouge_sum=results["eval_metrics"].get("eval_rouge_sum"),
        samples_per_second=results["samples_per_second"],
        tokens_per_second=results["tokens_per_second"],
        peak_memory_bytes=results["peak_memory_bytes"],
        wall_seconds=results["train_runtime"],
        saving_seconds=results["saving_seconds"],
        steps=results["steps"],
    )
    run.file.update(RunRecord(train=figures, model_path=results["model_path"]))
    if results["memory_plan"]:
        run.file.update(RunRecord(resolved=ResolvedChoices(memory_plan=results["memory_plan"])))
    run.logger.info(
        "Trained %s in %.0f s, %.1f of them for checkpoints: loss %.3f%s, %.0f tokens/s, peak memory %.2f GB",
        Text(count(results["steps"], "step"), f"{results['steps']:,}스텝"),
        results["train_runtime"],
        results["saving_seconds"],
        results["train_loss"],
        "" if figures.eval_rouge_sum is None else f", ROUGE sum {figures.eval_rouge_sum:.2f}",
        results["tokens_per_second"],
        results["peak_memory_bytes"] / 1e9,
    )


def save_predictions(run: RunContext, table: "DialogueTable", before: "Evaluation", after: "Evaluation") -> None:
    """Write `predictions.jsonl`: each dialogue with its reference and both summaries."""
    from ...inference.scored import write_predictions

    path = run.folder / "predictions.jsonl"
    write_predictions(path, table.rows, zero_shot=before.summaries, fine_tuned=after.summaries)
    (run.folder / ZERO_SHOT).unlink(missing_ok=True)  # it stands in the predictions now
