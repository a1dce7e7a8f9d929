"""The settings of `yoyak refine`."""

from typing import Annotated, Literal

from pydantic import Field

from .section import MOST, Count, Positive, PositiveFloat, Section


class RefineSettings(Section):
    """What `yoyak refine` does with a trained model: summaries are drawn, and those with more reward made likelier."""

    steps: Positive = 200
    """Steps of drawing, reward and one update each."""
    minutes: PositiveFloat | None = None
    """Steps and evaluations end by then: after ten steps, and again after a quarter of the time, their pace decides how
    many of `steps` are made. A run that is stopped before that may get another number."""
    dialogues: Positive = 64
    """Dialogues a step."""
    samples: Annotated[int, Field(ge=2, le=MOST)] = 8
    """Summaries drawn for each dialogue, which are compared with each other."""
    temperature: PositiveFloat = 1.0
    """Of drawing; at 1 the update is that of what is drawn from."""
    learning_rate: PositiveFloat = 3e-4
    """Of AdamW, reached after `warmup_steps`."""
    lr_scheduler_type: Literal["constant", "linear"] = "linear"
    """Shape of the learning rate after the warm-up: as it is, or falling to 0 at the last step."""
    warmup_steps: Count = 5
    """Steps in which the learning rate rises, all but the last at the most."""
    reward: Literal["rouge_sum", "rouge1", "rouge2", "rougeL", "chrf"] = "rouge_sum"
    """What a summary is rewarded for, counted by `evaluation.tokenization` and `evaluation.stemmer`."""
    facts_weight: Annotated[float, Field(ge=0, le=MOST)] = 5.0
    """Points for keeping all numbers, dates and names of the reference; as many are lost for as many that the dialogue
    does not hold."""
    kl: Annotated[float, Field(ge=0, le=MOST)] = 0.0
    """Weight of the distance from the model that was trained, which is then computed at each step."""
    average: Annotated[float, Field(ge=0, lt=1)] = 0.95
    """Share of the moving average of the weights that a step keeps; what is evaluated and kept in the end is that
    average. 0 takes the weights of single steps."""
    imitation: Annotated[float, Field(ge=0, le=MOST)] = 0.0
    """Weight of the reference's own likelihood beside the reward."""
    eval_steps: Positive = 10
    """Steps between two evaluations, at which the state is saved; the best one is kept."""
    patience: Positive | None = 6
    """Evaluations without a better one after which refining ends; null goes on to the last step."""
    micro_batch_tokens: Literal["auto"] | Positive = "auto"
    """Most tokens that are computed at a time in an update."""
