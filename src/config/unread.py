"""Typed settings that a command doesn't read: they are refused, each in one line."""

from collections.abc import Collection, Mapping, Sequence

from ..errors import YoyakError
from .effects import OF_A_NEW_ADAPTER, setting_names
from .provenance import COMMAND_LINE
from .schema import Config, GenerationSettings

_OF_TRAINING = (
    "training.",
    "refine.",
    "search.",
    "data.instruction_augmentation",
    "data.test",
    "evaluation.generate",
    "lora.loraplus_lr_ratio",
)
_OF_SEARCH = ("data.test", "search.")
_BY_REFINE = {
    "learning_rate": "learning_rate",
    "lr_scheduler_type": "lr_scheduler_type",
    "warmup_ratio": "warmup_steps",
    "epochs": "steps",
    "max_steps": "steps",
    "batch_size": "dialogues",
    "gradient_accumulation_steps": "dialogues",
    "eval_steps": "eval_steps",
    "early_stopping_patience": "patience",
    "micro_batch_tokens": "micro_batch_tokens",
    "metric_for_best_model": "reward",
    "save_steps": "eval_steps",
    "save_minutes": "eval_steps",
}
"""Settings of a training, by those of `refine` that take their place."""
_IN_NO_REFINING = (
    "lora.loraplus_lr_ratio",
    "data.instruction_augmentation",
    *(f"training.{name}" for name in ("engine", "base_precision", "sharding", "optim", "weight_decay")),
    *(f"training.{name}" for name in ("max_grad_norm", "eval_batch_size", "neftune_noise_alpha", "logging_steps")),
    *(f"training.{name}" for name in ("save_total_limit", "max_bad_steps", "on_divergence", "report_to")),
)
"""Settings of a training that nothing takes the place of: frozen products, for one, are in the compute type."""
UNREAD_BY_REFINING = frozenset((*(f"training.{name}" for name in _BY_REFINE), *_IN_NO_REFINING))
"""Settings of a training that a refining of its model leaves unread."""
OF_ROWS = tuple(
    f"data.{name}"
    for name in (
        *("dialogue_column", "summary_column", "id_column", "topic_column"),
        *("records", "encoding", "dialogue_format", "on_bad_rows"),
    )
)
"""Settings by which the rows of a file are read, whatever they are for."""
_OF_DIALOGUES = tuple(
    name for name in OF_ROWS if name not in ("data.summary_column", "data.id_column", "data.topic_column")
)
_OF_ROUGE = ("evaluation.tokenization", "evaluation.stemmer")


def refuse_of_training(overrides: Sequence[str]) -> None:
    """Raise YoyakError for a typed setting, `section.key=value`, that has a part in trainings and searches alone.

    It is for what uses a model as it is.
    """
    for setting in setting_names(overrides):
        if setting.startswith(_OF_TRAINING) and setting != "training.rank_timeout":
            raise YoyakError(f"{setting} has no part in using a model; leave it out")


def refuse_unread(overrides: Sequence[str], command: str, but: Collection[str] = (), of: str = "") -> None:
    """Raise YoyakError for a typed setting, `section.key=value`, that a command doesn't read.

    Args:
        overrides: as typed.
        command: its name, behind `yoyak`.
        but: settings that it reads, or sections of such with their dot.
        of: beginning of the settings that are looked at, such as `data.`; others are refused elsewhere.
    """
    for setting in setting_names(overrides):
        if setting.startswith(of) and setting not in but and f"{setting.partition('.')[0]}." not in but:
            raise YoyakError(f"{setting} has no part in yoyak {command}; leave it out")


def refuse_unread_by_summarizing(overrides: Sequence[str], settings: GenerationSettings) -> None:
    """Raise YoyakError for a typed setting of data or scores that has no part in summaries of one's own dialogues."""
    refuse_unread(overrides, "summarize", _OF_DIALOGUES, of="data.")
    chooses = settings.mbr_samples > 0 and settings.mbr_metric == "rouge_sum"
    refuse_unread(overrides, "summarize", _OF_ROUGE if chooses else (), of="evaluation.")


def refuse_unread_by_serving(overrides: Sequence[str]) -> None:
    """Raise YoyakError for a typed setting of files or scores, of which a server has none."""
    refuse_unread(overrides, "serve", ["data.dialogue_format"], of="data.")
    refuse_unread(overrides, "serve", of="evaluation.")


def read_by_serving(overrides: Sequence[str]) -> list[str]:
    """Return those typed settings of a training that a server of its base model reads, in their order."""
    of_adapters = ("lora.loraplus_lr_ratio", *(f"lora.{name}" for name in OF_A_NEW_ADAPTER))
    unread = (*_OF_TRAINING, "data.", "evaluation.", *of_adapters)
    named = zip(setting_names(overrides), overrides, strict=True)
    return [text for name, text in named if name == "data.dialogue_format" or not name.startswith(unread)]


def refuse_unread_by_scoring(overrides: Sequence[str], split: str) -> None:
    """Raise YoyakError for a typed setting of the evaluation data where the training data are scored, or the reverse.

    `split` is `dev` or `train`.
    """
    unread = {"dev": ("train", "max_train_examples"), "train": ("eval", "max_eval_examples")}[split]
    of_file = [f"data.{name}" for name in ("train", "max_train_examples", "eval", "max_eval_examples")]
    read = [*OF_ROWS, *(name for name in of_file if name.removeprefix("data.") not in unread)]
    refuse_unread(overrides, f"evaluate --split {split}", read, of="data.")


def refuse_unread_layout(config: Config, typed: Collection[str]) -> None:
    """Raise YoyakError for a chat layout, if it is among the typed settings, in a format that has none."""
    named = "model.chat_template" in typed and config.model.chat_template != "auto"
    if named and config.dataset.format_type == "instruction":
        raise YoyakError("model.chat_template is of dataset.format_type = chat, and it is instruction; leave it out")


def refuse_of_no_adapter(config: Config, typed: Collection[str]) -> None:
    """Raise YoyakError for a setting of an adapter, of those that were typed, where a model without one is used."""
    for name in OF_A_NEW_ADAPTER if config.lora.adapter is None else ():
        if f"lora.{name}" in typed:
            raise YoyakError(f"lora.{name} is of an adapter, and the model has none; leave it out")


def refuse_no_summaries(config: Config, sources: Mapping[str, str]) -> None:
    """Raise YoyakError for a search that is typed to do without generated summaries, which it goes by."""
    if sources["evaluation.generate"] == COMMAND_LINE and not config.evaluation.generate:
        raise YoyakError("evaluation.generate = false: a search goes by generated summaries; leave it out")


def refuse_of_search(overrides: Sequence[str]) -> None:
    """Raise YoyakError for a typed setting, `section.key=value`, that has a part in searches alone."""
    for setting in setting_names(overrides):
        if setting.startswith(_OF_SEARCH):
            raise YoyakError(f"{setting} has a part in searches alone; leave it out")


def refuse_unread_by_refining(settings: Collection[str]) -> None:
    """Raise YoyakError for a setting of a training, of those that were typed, that a refining leaves unread."""
    for setting in sorted(UNREAD_BY_REFINING.intersection(settings)):
        instead = _BY_REFINE.get(setting.removeprefix("training."))
        if instead is None:
            raise YoyakError(f"{setting} has no part in refining; leave it out")
        raise YoyakError(f"{setting} has no part in refining; set refine.{instead}")


def refuse_unread_by_plan(overrides: Sequence[str], refines: bool, searches: bool) -> None:
    """Raise YoyakError for a typed setting that is refused where a plan's own command would not read it."""
    if not searches:
        refuse_of_search(overrides)
    if refines:
        refuse_unread_by_refining(setting_names(overrides))
