"""Which settings have a part in what a run makes."""

from collections.abc import Collection, Mapping, Sequence

from ..bilingual import Text
from ..errors import YoyakError
from .schema import Config, GenerationSettings, ModelSettings, TrainingSettings
from .search import SearchSettings

WITHOUT_EFFECT = (
    "experiment.",
    "model.size",
    "data.test",
    "search.",
    "training.logging_steps",
    "training.rank_timeout",
    "training.report_to",
    "training.save_",
)
"""Settings, or beginnings of their names, that change neither a run's weights nor its summaries."""

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
_OF_PROCESSES = "training.rank_timeout"

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

OF_A_NEW_ADAPTER = ("r", "alpha", "dropout", "target_modules", "use_rslora", "use_dora", "init")
"""Keys of `lora` by which a new adapter is made: that of `lora.adapter` stays as it is."""

_OF_A_METHOD = (
    *("lora.use_lora", "lora.use_qlora", "lora.init"),
    *("training.engine", "training.gradient_checkpointing"),
)

_USUAL_ATTENTION = ModelSettings.model_fields["attn_implementation"].default

_DRAWING = Text("tokens are drawn with generation.do_sample=true", "토큰은 generation.do_sample=true일 때 뽑습니다")
_BEAMS = Text("it is of beams, as generation.num_beams=4", "generation.num_beams=4 같은 빔에 쓰입니다")
_MBR = Text("it is of MBR, as generation.mbr_samples=16", "generation.mbr_samples=16 같은 MBR에 쓰입니다")
_OF_MBR = Text("MBR draws at generation.mbr_temperature", "MBR은 generation.mbr_temperature에서 뽑습니다")
_PACKED = Text("it is of the packed engine", "packed 엔진에 쓰입니다")
_GPU = Text("it is of a GPU's memory", "GPU 메모리에 쓰입니다")
_ATTENTION = Text("all that computes here has an attention of its own", "여기서는 자체 어텐션으로 계산합니다")
_SERVED = Text("the server computes with sdpa, or its own", "서버는 sdpa나 자체 어텐션으로 계산합니다")
_OF_REQUESTS = Text("vLLM takes a seed from requests alone", "vLLM은 시드를 요청에서만 받습니다")
_VLLM = Text("vLLM has one of its own", "vLLM의 것을 씁니다")
_COMPARED = Text("--compare has it of each method", "--compare는 방법마다 정합니다")
_REFINING = Text("it is of --refine", "--refine에 쓰입니다")
_TEST = Text("the end is reported on data.test", "마지막 보고는 data.test로 합니다")
_PAUSES = Text("search.pauses is empty", "search.pauses가 비어 있습니다")
_ADDITIONS = Text("search.additions is empty", "search.additions가 비어 있습니다")
_TRACKERS = Text("trials write to no tracker", "시도는 트래커에 쓰지 않습니다")


def refuse_of_training(overrides: Sequence[str]) -> None:
    """Raise YoyakError for a typed setting, `section.key=value`, that has a part in trainings and searches alone.

    It is for what uses a model as it is.
    """
    for setting in _names(overrides):
        if setting.startswith(_OF_TRAINING) and setting != _OF_PROCESSES:
            raise YoyakError(f"{setting} has no part in using a model; leave it out")


def refuse_unread(overrides: Sequence[str], command: str, but: Collection[str] = (), of: str = "") -> None:
    """Raise YoyakError for a typed setting, `section.key=value`, that a command doesn't read.

    Args:
        overrides: as typed.
        command: its name, behind `yoyak`.
        but: settings that it reads, or sections of such with their dot.
        of: beginning of the settings that are looked at, such as `data.`; others are refused elsewhere.
    """
    for setting in _names(overrides):
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


def refuse_unread_by_scoring(overrides: Sequence[str], split: str) -> None:
    """Raise YoyakError for a typed setting of the evaluation data where the training data are scored, or the reverse.

    `split` is `dev` or `train`.
    """
    unread = {"dev": ("train", "max_train_examples"), "train": ("eval", "max_eval_examples")}[split]
    of_file = [f"data.{name}" for name in ("train", "max_train_examples", "eval", "max_eval_examples")]
    read = [*OF_ROWS, *(name for name in of_file if name.removeprefix("data.") not in unread)]
    refuse_unread(overrides, f"evaluate --split {split}", read, of="data.")


def refuse_of_search(overrides: Sequence[str]) -> None:
    """Raise YoyakError for a typed setting, `section.key=value`, that has a part in searches alone."""
    for setting in _names(overrides):
        if setting.startswith(_OF_SEARCH):
            raise YoyakError(f"{setting} has a part in searches alone; leave it out")


def refuse_unread_by_refining(settings: Collection[str]) -> None:
    """Raise YoyakError for a setting of a training, of those that were typed, that a refining leaves unread."""
    for setting in sorted(UNREAD_BY_REFINING.intersection(settings)):
        instead = _BY_REFINE.get(setting.removeprefix("training."))
        if instead is None:
            raise YoyakError(f"{setting} has no part in refining; leave it out")
        raise YoyakError(f"{setting} has no part in refining; set refine.{instead}")


def _names(overrides: Sequence[str]) -> list[str]:
    return [override.partition("=")[0].strip() for override in overrides]


def without_effect(settings: GenerationSettings) -> list[Text]:
    """Return a sentence for each setting of generation that differs from its default, and changes no summary.

    `mbr_metric` is none of them: it chooses among several models' summaries too.
    """
    unread: dict[str, Text] = {}
    if settings.mbr_samples:
        unread["temperature"] = _OF_MBR
    else:
        unread |= dict.fromkeys(("mbr_temperature", "mbr_references"), _MBR)
        if not settings.do_sample:
            unread |= dict.fromkeys(("temperature", "top_p", "top_k", "seed"), _DRAWING)
    if settings.num_beams == 1:
        unread["length_penalty"] = _BEAMS
    return _of_generation(settings, unread)


def without_effect_on_server(config: Config, engine: str) -> list[Text]:
    """Return a sentence for each setting that differs from its default, and that no request to a server goes by.

    It is a server without beams and MBR. Requests with a temperature go by `top_p` and `top_k` too.
    """
    settings, kernel = config.generation, config.model.attn_implementation
    unread = dict.fromkeys(("mbr_temperature", "mbr_references", "mbr_metric"), _MBR) | {"length_penalty": _BEAMS}
    if not settings.do_sample:
        unread |= dict.fromkeys(("temperature", "seed"), _DRAWING)
    elif engine == "vllm":
        unread["seed"] = _OF_REQUESTS
    if engine == "vllm":
        unread["batch_tokens"] = _VLLM
    why = _VLLM if engine == "vllm" else _SERVED
    found = [_sentence("model.attn_implementation", why)] if kernel != _USUAL_ATTENTION else []
    return found + _of_generation(settings, unread)


def _of_generation(settings: GenerationSettings, unread: Mapping[str, Text]) -> list[Text]:
    usual = GenerationSettings()
    changed = {name: why for name, why in unread.items() if getattr(settings, name) != getattr(usual, name)}
    return [_sentence(f"generation.{name}", why) for name, why in changed.items()]


def without_attention(settings: ModelSettings) -> list[Text]:
    """Return a sentence for an attention kernel that is set, where transformers computes nothing."""
    usual = settings.attn_implementation == _USUAL_ATTENTION
    return [] if usual else [_sentence("model.attn_implementation", _ATTENTION)]


def without_effect_in_training(training: TrainingSettings, engine: str, device: str) -> list[Text]:
    """Return a sentence for each set value that this engine (`packed`) on this device (`cpu`) ignores."""
    unread = []
    if engine != "packed" and training.micro_batch_tokens != "auto":
        unread.append(_sentence("training.micro_batch_tokens", _PACKED))
    if device == "cpu" and training.memory_budget_gb is not None:
        unread.append(_sentence("training.memory_budget_gb", _GPU))
    return unread


def without_effect_in_comparison(typed: Sequence[str]) -> list[Text]:
    """Return a sentence for each typed setting that `yoyak plan --compare` chooses by itself, for each method."""
    return [_sentence(name, _COMPARED) for name in dict.fromkeys(_names(typed)) if name in _OF_A_METHOD]


def without_effect_in_plan(typed: Sequence[str], refines: bool, searches: bool) -> list[Text]:
    """Return a sentence for each typed setting that a plan leaves unread, which is one of a refining or a search.

    Raises:
        YoyakError: it is refused where it is used, too.
    """
    if not searches:
        refuse_of_search(typed)
    names = _names(typed)
    if refines:
        refuse_unread_by_refining(names)
    if refines or searches:
        return []
    return [_sentence(name, _REFINING) for name in dict.fromkeys(names) if name.startswith("refine.")]


def without_effect_in_search(config: Config) -> list[Text]:
    """Return a sentence for each setting that differs from its default, and changes nothing of a search."""
    search, usual = config.search, SearchSettings()
    unread = {"set_aside": _TEST} if config.data.test is not None else {}
    if not search.pauses:
        unread |= dict.fromkeys(("pauses_share", "keep_one_in", "pause_dialogues"), _PAUSES)
    if not search.additions:
        unread["additions_share"] = _ADDITIONS
    found = [_sentence(f"search.{n}", why) for n, why in unread.items() if getattr(search, n) != getattr(usual, n)]
    if "wandb" in config.training.report_to:
        found.append(_sentence("training.report_to", _TRACKERS))
    drawn = any(name.startswith("generation.") for name in search.space)
    return found if drawn else found + without_effect(config.generation)


def _sentence(setting: str, why: Text) -> Text:
    return Text(f"{setting} is without effect: {why}", f"{setting}의 값은 효과가 없습니다: {why.ko}")
