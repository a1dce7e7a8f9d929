"""What transformers' trainer goes by, where we count otherwise."""

import math

from transformers import TrainingArguments

from ..config.schema import TrainingSettings


class RunArguments(TrainingArguments):
    """Arguments whose `warmup_steps` is a share of the steps, from 0 to 1."""

    def get_warmup_steps(self, num_training_steps: int) -> int:
        """Return the steps in which the learning rate rises: not the last one, which would teach nothing if alone.

        transformers takes a share of 1 for one step, and lets a rate that rises in all steps never be reached.
        """
        share = float(self.warmup_steps)
        return min(math.ceil(num_training_steps * share), num_training_steps - 1)


def schedule_arguments(training: TrainingSettings, examples: int) -> dict[str, float]:
    """Return what a schedule is given where transformers' defaults don't suit.

    They have no restarts: `cosine_with_restarts` is a cosine for each pass over so many training examples. And they end
    a polynomial, whose power is 1 as in torch, at a rate of 1e-7, which a run's own may be below.
    """
    if training.lr_scheduler_type == "cosine_with_restarts":
        steps_a_pass = math.ceil(examples / (training.batch_size * training.gradient_accumulation_steps))
        passes = training.max_steps / steps_a_pass if training.max_steps else training.epochs
        return {"num_cycles": math.ceil(passes)}
    return {"lr_end": 0.0} if training.lr_scheduler_type == "polynomial" else {}
