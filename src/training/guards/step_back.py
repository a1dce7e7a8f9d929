"""Which examples a step was made of, and the way back to a checkpoint in the middle of a run."""

import re
from pathlib import Path
from typing import Any


def examples_of_step(trainer: Any, step: int) -> list[int]:
    """Return the dataset indices of an optimizer step (from 1), in the order of the epoch that it lies in.

    The order depends on seed and epoch only, so that nothing needs to be kept of it.
    """
    a_step = trainer.args.per_device_train_batch_size * trainer.args.gradient_accumulation_steps
    steps_an_epoch = -(-len(trainer.train_dataset) // a_step)
    epoch, place = divmod(step - 1, steps_an_epoch)
    sampler = trainer._get_train_sampler()
    sampler.set_epoch(epoch)
    return list(sampler)[place * a_step : (place + 1) * a_step]


def names_of_step(trainer: Any, step: int) -> list[str]:
    """Return the ids of a step's examples: the dataset's `names`, or `example N` where it has none.

    Under several instructions each dialogue has as many examples side by side, and one name.
    """
    names = getattr(trainer.train_dataset, "names", None)
    indices = examples_of_step(trainer, step)
    if not names:
        return [f"example {index}" for index in indices]
    each = len(trainer.train_dataset) // len(names)
    return [str(names[index // each]) for index in indices]


def roll_back(trainer: Any, before: int) -> int | None:
    """Go back to weights and optimizer of the newest checkpoint of at most step `before`; return its step.

    The learning rate and the order of the examples go on from where they are. None where there is no such checkpoint.
    """
    folders = {
        int(match[1]): path
        for path in Path(trainer.args.output_dir).glob("checkpoint-*")
        if (match := re.fullmatch(r"checkpoint-(\d+)", path.name)) and int(match[1]) <= before
    }
    if not folders:
        return None
    step = max(folders)
    schedule = trainer.lr_scheduler.state_dict()
    rates = [group["lr"] for group in trainer.optimizer.param_groups]
    trainer._load_from_checkpoint(str(folders[step]))
    trainer._load_optimizer_and_scheduler(str(folders[step]))
    trainer.lr_scheduler.load_state_dict(schedule)
    for group, rate in zip(trainer.optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    for parameter in trainer.model.parameters():
        parameter.grad = None  # of the weights that are left behind
    return step
