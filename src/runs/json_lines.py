"""The lines of a run's `metrics.jsonl` and `predictions.jsonl`."""

from pydantic import ConfigDict

from .run_part import RunPart


class Metric(RunPart):
    """A line of `metrics.jsonl`; those of `yoyak refine` hold rewards instead of losses."""

    model_config = ConfigDict(extra="ignore")

    step: float | None = None
    """Optimizer steps so far. A run that went on logs some twice: the later line counts."""
    epoch: float | None = None
    """Epochs so far."""
    loss: float | None = None
    """Mean training loss since the last line, in nats a target token."""
    eval_loss: float | None = None
    """Evaluation loss, in nats a target token; an evaluation is a line of its own."""
    eval_rouge_sum: float | None = None
    """ROUGE sum of generated summaries, where the best checkpoint is chosen by it."""
    learning_rate: float | None = None
    """Of the step."""
    grad_norm: float | None = None
    """Of the step, before clipping."""
    tokens_per_second: float | None = None
    """Tokens trained a second since the last line, evaluations left out."""
    resident_bytes: float | None = None
    """Memory that the process holds, where a processor trains. With several processes those of the others are in
    `resident_bytes_rank1`, and so on; so the four below."""
    processor_busy_percent: float | None = None
    """Share of the cores' time since the last line that the process used."""
    gpu_memory_bytes: float | None = None
    """Memory of the card that the run's allocator holds."""
    gpu_busy_percent: float | None = None
    """Share of the last moments (up to a second) in which the card computed. This and the next come with every line, at
    most every two seconds, where nvidia-ml-py is installed."""
    gpu_celsius: float | None = None
    """Heat of the card."""
    reward: float | None = None
    """Mean reward of the summaries that a step of `yoyak refine` drew; `eval_reward`, and so on below, of the
    evaluation dialogues' most likely ones, a line of its own."""
    eval_reward: float | None = None
    score: float | None = None
    """Its part for the score."""
    eval_score: float | None = None
    facts_kept: float | None = None
    """Share of the references' facts that the summaries keep."""
    eval_facts_kept: float | None = None
    facts_unsupported: float | None = None
    """Facts a summary that its dialogue does not hold."""
    eval_facts_unsupported: float | None = None
    words: float | None = None
    """Words a summary."""
    eval_words: float | None = None
    ended: float | None = None
    """Share of summaries that ended by themselves."""
    eval_ended: float | None = None
    copied: float | None = None
    """Share of words in runs of three or more that their dialogue has too."""
    eval_copied: float | None = None
    repeated: float | None = None
    """Share of 3-grams that occurred before in their summary."""
    eval_repeated: float | None = None
    entropy: float | None = None
    """In nats a token, of what was drawn."""
    distance: float | None = None
    """Mean log-ratio a token to the model at the start; 0 without `refine.kl`."""


class Prediction(RunPart):
    """A line of `predictions.jsonl`: an evaluation dialogue."""

    model_config = ConfigDict(extra="ignore")

    fname: str | None = None
    """Its name in the data."""
    topic: str | None = None
    """Its topic there."""
    dialogue: str = ""
    """The dialogue."""
    summary: str | None = None
    """The reference."""
    zero_shot: str | None = None
    """The base model's summary."""
    fine_tuned: str | None = None
    """The trained model's summary."""
