"""The settings of `yoyak search`."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from .section import MOST, Positive, Section

Objective = Literal["rouge_sum", "rouge1", "rouge2", "rougeL", "chrf"]


class SearchSettings(Section):
    """What `yoyak search` tries within its deadline, and what it goes by."""

    space: dict[str, Any] = {}
    """Settings to search beside the method's own (see search.md), each with choices (`[8, 16, 32]`) or a range
    (`{low: 1e-4, high: 1e-2, log: true}`); null takes one of the method's out."""
    objective: Objective = "rouge_sum"
    """Score of generated summaries of the evaluation data that is made as high as possible, counted as `evaluation.`
    says."""
    trials: Positive | None = None
    """Most trials to begin; null for as many as the deadline allows."""
    pauses: list[Annotated[float, Field(ge=0.01, lt=1)]] = [0.25, 0.5]
    """Shares of a trial's steps after which it is measured and pauses: by the evaluation loss, at the last one by
    summaries of `pause_dialogues` dialogues. An empty list lets each trial run to its end."""
    pauses_share: Annotated[float, Field(ge=0, le=MOST)] = 0.15
    """Most that all pauses of a trial may cost, as a share of what the config as it is took: each loads the model anew
    and measures. Where they cost more, trials run to their ends."""
    keep_one_in: Annotated[int, Field(ge=2, le=100)] = 3
    """At each pause the best one in so many goes on."""
    pause_dialogues: Positive = 50
    """Evaluation dialogues that are summarized at the last pause, where there are more than twice as many."""
    set_aside: Annotated[float, Field(ge=0.01, lt=1)] = 0.4
    """Share of the evaluation data that nothing is chosen on, for the report at the end; not with `data.test`."""
    keep_models: Positive = 3
    """Finished trials whose weights stay while the search runs, the best ones."""
    additions: list[Literal["average", "refine", "beams", "mbr"]] = ["average", "refine", "beams", "mbr"]
    """What is tried on the winner when no further trial can end in time: the mean of its weights and those of its
    earlier checkpoint and the next best trials, refining, four beams, and of several trials' summaries the one closest
    to the others. Each stays where it raises the score of the evaluation data; the last two, which take several times
    the work at each use, where they do by more than the standard error."""
    additions_share: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Most of the deadline that no trial may take because additions need it."""
    most_unsupported_facts: Annotated[float, Field(ge=0, le=MOST)] | None = None
    """Most facts a summary that its dialogue does not hold, which the winner must keep to; null for any number."""
    equal_within: Annotated[float, Field(ge=0, le=10)] = 1.0
    """Standard errors of the difference within which two trials are equal, so that the cheaper one is taken; 0 takes
    the best score."""
    sampler: Literal["tpe", "random"] = "tpe"
    """What draws the trials: TPE, from the scores so far, or chance alone, to compare with."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of what is tried, and of what is set aside."""

    @model_validator(mode="after")
    def _pauses_in_order(self) -> "SearchSettings":
        if any(later <= earlier for earlier, later in zip(self.pauses, self.pauses[1:], strict=False)):
            raise ValueError("pauses must rise, such as [0.25, 0.5]")
        return self
