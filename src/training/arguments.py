"""What transformers' trainer goes by, where we count otherwise."""

import math

from transformers import TrainingArguments


class RunArguments(TrainingArguments):
    """Arguments whose `warmup_steps` is a share of the steps, from 0 to 1."""

    def get_warmup_steps(self, num_training_steps: int) -> int:
        """Return the steps in which the learning rate rises: not the last one, which would teach nothing if alone.

        transformers takes a share of 1 for one step, and lets a rate that rises in all steps never be reached.
        """
        share = float(self.warmup_steps)
        return min(math.ceil(num_training_steps * share), num_training_steps - 1)
