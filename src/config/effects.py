"""Which settings have a part in what a run makes."""

from ..bilingual import Text
from .schema import GenerationSettings

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

_DRAWING = Text("tokens are drawn with generation.do_sample=true", "토큰은 generation.do_sample=true일 때 뽑습니다")
_BEAMS = Text("it is of beams, as generation.num_beams=4", "generation.num_beams=4 같은 빔에 쓰입니다")
_MBR = Text("it is of MBR, as generation.mbr_samples=16", "generation.mbr_samples=16 같은 MBR에 쓰입니다")
_OF_MBR = Text("MBR draws at generation.mbr_temperature", "MBR은 generation.mbr_temperature에서 뽑습니다")


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
    usual = GenerationSettings()
    return [
        Text(f"generation.{name} is without effect: {why}", f"generation.{name}의 값은 효과가 없습니다: {why.ko}")
        for name, why in unread.items()
        if getattr(settings, name) != getattr(usual, name)
    ]
