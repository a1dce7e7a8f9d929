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
    """Return what a schedule is given: by transformers' defaults there are no restarts, and a polynomial is a line.

    `cosine_with_restarts` is a cosine for each pass over so many training examples, `polynomial` falls to 0 with the
    square of what is left.
    """
    if training.lr_scheduler_type == "cosine_with_restarts":
        steps_a_pass = math.ceil(examples / (training.batch_size * training.gradient_accumulation_steps))
        passes = training.max_steps / steps_a_pass if training.max_steps else training.epochs
        return {"num_cycles": math.ceil(passes)}
    return {"power": 2.0, "lr_end": 0.0} if training.lr_scheduler_type == "polynomial" else {}
