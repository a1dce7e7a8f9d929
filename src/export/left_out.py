"""Settings of generation that an export leaves out: other programs have no place for them, or take them in requests."""

from ..config.provenance import value_text
from ..config.schema import GenerationSettings

_OFF = {
    "num_beams": 1,
    "length_penalty": 1.0,
    "mbr_samples": 0,
    "do_sample": False,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "min_new_tokens": 0,
}
_CARRIED = {"ollama": ("do_sample", "repetition_penalty")}


def left_out(settings: GenerationSettings, to: str = "merged") -> list[str]:
    """Return the settings that yoyak generates by and an export of a kind does not carry, as `num_beams=4`."""
    carried = {*_CARRIED.get(to, ()), *(["length_penalty"] if settings.num_beams == 1 else [])}
    names = [name for name, off in _OFF.items() if getattr(settings, name) != off and name not in carried]
    return [f"{name}={value_text(getattr(settings, name))}" for name in names]
