"""How summaries are generated."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .section import MOST, Count, Positive, Section


class GenerationSettings(Section):
    """How summaries are generated. The most tokens of a summary are `tokenizer.decoder_max_len`."""

    batch_size: Literal["auto"] | Positive = "auto"
    """Most dialogues generated at a time; similar lengths go together. `auto`: 16 on the CPU, 1,024 on a GPU (256 with
    beams, on the server, or where transformers generates), fewer where `batch_tokens` holds fewer."""
    batch_tokens: Positive | None = None
    """Most tokens of a batch, prompts and summaries, times beams; by default what half of the free memory can cache."""
    num_beams: Annotated[int, Field(ge=1, le=2**10)] = 1
    """Beams; 1 is greedy (or sampling)."""
    do_sample: bool = False
    """Draw tokens by probability instead of taking the most likely."""
    temperature: Annotated[float, Field(ge=1e-6, le=MOST)] = 1.0
    """Sampling temperature."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Sample from the smallest set of tokens with this probability."""
    top_k: Count = 0
    """Sample from the k most likely tokens; 0 is all."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Seed of sampling: with the dialogue it decides what is drawn, whatever else is in the batch."""
    min_new_tokens: Count = 0
    """A summary does not end before this many tokens."""
    repetition_penalty: Annotated[float, Field(ge=1e-6, le=1e6)] = 1.0
    """Above 1 makes tokens that have occurred less likely."""
    no_repeat_ngram_size: Count = 0
    """No n-gram of this many tokens comes twice in a summary; those of the dialogue don't count. 0 is off."""
    truncate_repetition: bool = True
    """Cut off what repeats at the end of a summary that ran into its limit in a loop: the same tokens three times or
    more, a sentence twice and begun again, of which the first time is kept. Not with `mbr_samples`."""
    length_penalty: Annotated[float, Field(ge=-100, le=100)] = 1.0
    """Beam search: above 0 favours longer summaries."""
    mbr_samples: Annotated[int, Field(ge=0, le=2**14)] = 0
    """Samples a dialogue. Of these and the most likely summary the one closest to the others is taken (minimum Bayes
    risk); 0 is off."""
    mbr_temperature: Literal["auto"] | Annotated[float, Field(ge=1e-6, le=MOST)] = "auto"
    """Temperature of those samples, in place of `temperature`. `auto`: the one at which the model is as unsure (0.45
    nats a token on the first 8 dialogues) as models were that gained by it; a refined model's is higher."""
    mbr_references: Literal["auto", "own", "start"] = "auto"
    """What they are compared with: each other (`own`), or also as many that the adapter before refining draws and that
    are not chosen from (`start`). `auto` is `start` for a refined adapter, where the one before it is still there."""
    mbr_metric: Literal["rouge_sum", "chrf"] = "rouge_sum"
    """What "closest" means; ROUGE counts as `evaluation.tokenization` says."""

    @property
    def truncates_loops(self) -> bool:
        """Tell whether `truncate_repetition` has a part: MBR takes its candidates as they are."""
        return self.truncate_repetition and not self.mbr_samples

    @model_validator(mode="after")
    def _searches_or_draws(self) -> "GenerationSettings":
        if self.num_beams > 1 and (self.do_sample or self.mbr_samples):
            drawing = "mbr_samples" if self.mbr_samples else "do_sample"
            raise ValueError(f"num_beams = {self.num_beams} searches and {drawing} draws; leave one out")
        return self
