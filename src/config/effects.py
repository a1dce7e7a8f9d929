"""Which settings have a part in what a run makes; typed ones that have none are refused by `unread`."""

from collections.abc import Mapping, Sequence

from ..bilingual import Text
from .refine import RefineSettings
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
_DRAWS = Text("MBR draws its samples anyway", "MBR은 어차피 표본을 뽑습니다")
_ALONE = Text("one process works alone", "프로세스 하나가 혼자 일합니다")
_CONSTANT = Text(
    "training.lr_scheduler_type=constant has no warm-up", "training.lr_scheduler_type=constant에는 워밍업이 없습니다"
)
_AS_THEY_ARE = Text("MBR takes its candidates as they are", "MBR은 후보를 그대로 씁니다")
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
_REFINED = Text("search.additions has no refine", "search.additions에 refine이 없습니다")
_TRACKERS = Text("trials write to no tracker", "시도는 트래커에 쓰지 않습니다")


def setting_names(overrides: Sequence[str]) -> list[str]:
    """Return the settings of a command line, `section.key=value` each, without their values."""
    return [override.partition("=")[0].strip() for override in overrides]


def without_effect(settings: GenerationSettings, of_one_model: bool = False) -> list[Text]:
    """Return a sentence for each setting of generation that differs from its default, and changes no summary.

    `of_one_model`: no summary is chosen among those of several, in which `mbr_metric` has a part too.
    """
    unread: dict[str, Text] = {}
    if settings.mbr_samples:
        unread |= {"temperature": _OF_MBR, "do_sample": _DRAWS, "truncate_repetition": _AS_THEY_ARE}
    else:
        unread |= dict.fromkeys(("mbr_temperature", "mbr_references"), _MBR)
        if of_one_model:
            unread["mbr_metric"] = _MBR
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


def without_processes(minutes: float) -> list[Text]:
    """Return a sentence for `training.rank_timeout` = `minutes` where one process works alone, if it was set."""
    usual = TrainingSettings.model_fields["rank_timeout"].default
    return [] if minutes == usual else [_sentence("training.rank_timeout", _ALONE)]


def without_effect_in_schedule(training: TrainingSettings) -> list[Text]:
    """Return a sentence for a warm-up that is set, and that the learning rate doesn't have."""
    usual = TrainingSettings.model_fields["warmup_ratio"].default
    warms = training.lr_scheduler_type != "constant" or training.warmup_ratio == usual
    return [] if warms else [_sentence("training.warmup_ratio", _CONSTANT)]


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
    return [_sentence(name, _COMPARED) for name in dict.fromkeys(setting_names(typed)) if name in _OF_A_METHOD]


def without_effect_in_plan(typed: Sequence[str]) -> list[Text]:
    """Return a sentence for each typed setting of refining, which the plan of a training leaves unread."""
    return [_sentence(name, _REFINING) for name in dict.fromkeys(setting_names(typed)) if name.startswith("refine.")]


def without_effect_in_search(config: Config) -> list[Text]:
    """Return a sentence for each setting that differs from its default, and changes nothing of a search."""
    search, usual = config.search, SearchSettings()
    unread = {"set_aside": _TEST} if config.data.test is not None else {}
    if not search.pauses:
        unread |= dict.fromkeys(("pauses_share", "keep_one_in", "pause_dialogues"), _PAUSES)
    if not search.additions:
        unread["additions_share"] = _ADDITIONS
    found = [_sentence(f"search.{n}", why) for n, why in unread.items() if getattr(search, n) != getattr(usual, n)]
    if "refine" not in search.additions:
        plain = RefineSettings()
        changed = [name for name, value in config.refine if value != getattr(plain, name)]
        found += [_sentence(f"refine.{name}", _REFINED) for name in changed]
    if "wandb" in config.training.report_to:
        found.append(_sentence("training.report_to", _TRACKERS))
    found += without_processes(config.training.rank_timeout)
    drawn = any(name.startswith("generation.") for name in search.space)
    return found if drawn else found + without_effect(config.generation)


def _sentence(setting: str, why: Text) -> Text:
    return Text(f"{setting} is without effect: {why}", f"{setting}의 값은 효과가 없습니다: {why.ko}")
