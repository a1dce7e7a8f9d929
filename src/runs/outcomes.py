"""What came of a run, as `run.json` has it: scores, faults, figures of training, refining and the plan."""

from typing import Any

from ..bilingual import Text
from .run_part import Number, RunPart


class StageScores(RunPart):
    """ROUGE F1 and chrF times 100 of generated summaries of the evaluation data."""

    rouge1: float | None = None
    """ROUGE-1. Beside it, and beside each score below, in newer runs: `rouge1_low` and `rouge1_high`, its 95% interval
    over dialogues; `rouge1_floor`, what chance alone scores, with `rouge1_floor_low` and `rouge1_floor_high`;
    `rouge1_lead3`, what the dialogues' first three turns score."""
    rouge1_low: float | None = None
    rouge1_high: float | None = None
    rouge1_floor: float | None = None
    rouge1_floor_low: float | None = None
    rouge1_floor_high: float | None = None
    rouge1_lead3: float | None = None
    rouge2: float | None = None
    """ROUGE-2."""
    rouge2_low: float | None = None
    rouge2_high: float | None = None
    rouge2_floor: float | None = None
    rouge2_floor_low: float | None = None
    rouge2_floor_high: float | None = None
    rouge2_lead3: float | None = None
    rougeL: float | None = None
    """ROUGE-L."""
    rougeL_low: float | None = None
    rougeL_high: float | None = None
    rougeL_floor: float | None = None
    rougeL_floor_low: float | None = None
    rougeL_floor_high: float | None = None
    rougeL_lead3: float | None = None
    rouge_sum: float | None = None
    """The sum of the three."""
    rouge_sum_low: float | None = None
    rouge_sum_high: float | None = None
    rouge_sum_floor: float | None = None
    rouge_sum_floor_low: float | None = None
    rouge_sum_floor_high: float | None = None
    rouge_sum_lead3: float | None = None
    rouge_mean: float | None = None
    """The mean of the three."""
    rouge_mean_low: float | None = None
    rouge_mean_high: float | None = None
    rouge_mean_floor: float | None = None
    rouge_mean_floor_low: float | None = None
    rouge_mean_floor_high: float | None = None
    rouge_mean_lead3: float | None = None
    chrf: float | None = None
    """chrF."""
    chrf_low: float | None = None
    chrf_high: float | None = None
    chrf_floor: float | None = None
    chrf_floor_low: float | None = None
    chrf_floor_high: float | None = None
    chrf_lead3: float | None = None
    tokenization: str | None = None
    """What ROUGE counted."""
    analyser: str | None = None
    """What cut the texts into morphemes, with its version; null where the tokenization is a rule of yoyak."""
    stemmer: bool | None = None
    """Whether English words were stemmed."""
    n: int | None = None
    """Dialogues."""
    unended: int | None = None
    """Summaries that ran into `tokenizer.decoder_max_len`."""
    looped: int | None = None
    """Of these, how many did so in a loop, the same tokens again and again."""
    reasoning_removed: int | None = None
    """Summaries out of which reasoning in tags was left."""
    mbr_temperature: float | None = None
    """Temperature of the samples that the summaries were chosen from; null without `generation.mbr_samples`."""


class RunScores(RunPart):
    """Scores before and after training; none without `evaluation.generate`."""

    zero_shot: StageScores | None = None
    """Of the base model; of a refined run, of the model that it goes on from."""
    fine_tuned: StageScores | None = None
    """Of the trained model."""


class OutOfMemory(RunPart):
    """How often memory ran out in one kind of work, and what was made of it."""

    count: int | None = None
    """Times."""
    micro_batch_tokens: int | None = None
    """What is computed at a time since, in training with the packed engine; null where it is as planned again."""
    examples_at_a_time: int | None = None
    """The same in training with the trainer engine, and in evaluation."""
    batch_tokens: int | None = None
    """The same in generation."""

    @property
    def size(self) -> Text | None:
        """Return what memory has allowed since (`512 tokens`); None where it is not known."""
        tokens, examples = self.micro_batch_tokens or self.batch_tokens, self.examples_at_a_time
        if tokens:
            return Text(f"{tokens:,} tokens", f"토큰 {tokens:,}개")
        return Text(f"{examples:,} examples", f"예시 {examples:,}개") if examples else None


class Faults(RunPart):
    """What went wrong in the training and was mended."""

    bad_steps: int | None = None
    """Steps that were left out: their loss or gradient was not a number."""
    rollbacks: int | None = None
    """Times that the training went back to an earlier checkpoint, since its loss ran away."""
    out_of_memory_in_training: OutOfMemory | None = None
    """Where memory ran out in training."""
    out_of_memory_in_evaluation: OutOfMemory | None = None
    """Where it ran out in evaluation."""
    out_of_memory_in_generation: OutOfMemory | None = None
    """Where it ran out while summaries were generated."""


class TrainFigures(RunPart):
    """What the training took and reached."""

    loss: float | None = None
    """Mean training loss, in nats a target token."""
    eval_loss: float | None = None
    """Evaluation loss of the final model, in nats a target token."""
    eval_rouge_sum: float | None = None
    """ROUGE sum of the final model on the evaluation data, where the best checkpoint was chosen by it."""
    samples_per_second: float | None = None
    """Examples trained a second."""
    tokens_per_second: float | None = None
    """Tokens trained a second."""
    peak_memory_bytes: int | None = None
    """Of the training on the fullest card, without what is generated; or of the process on a CPU."""
    wall_seconds: float | None = None
    """The training with its evaluations, in all processes of the run."""
    saving_seconds: float | None = None
    """Of these, spent on checkpoints."""
    steps: int | None = None
    """Optimizer steps."""


class RefineFigures(RunPart):
    """What `yoyak refine` made of the evaluation dialogues' summaries."""

    why_ended: str | None = None
    """Why it took no further step."""
    why_ended_ko: str | None = None
    """Why, in Korean."""
    start: dict[str, Any] = {}
    """Figures of the evaluation before the first step, as in `metrics.jsonl`."""
    best: dict[str, Any] = {}
    """Those of the best evaluation, whose weights are the final model."""


class PlanFigures(RunPart):
    """What was predicted at the start, and what was measured."""

    predicted_peak_bytes: Number | None = None
    """Peak memory."""
    predicted_step_seconds: Number | None = None
    """One optimizer step."""
    predicted_seconds: Number | None = None
    """The whole training."""
    measured_peak_bytes: Number | None = None
    """Peak memory."""
    measured_step_seconds: Number | None = None
    """One optimizer step."""
    measured_seconds: Number | None = None
    """The whole training."""
