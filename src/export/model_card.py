"""The README.md of a model on the hub: what it was made from, how, how good it is, and for what."""

import os
from collections.abc import Sequence
from pathlib import Path

import yaml

from ..bilingual import count
from ..config.limits import MAX_BYTES, ShallowLoader
from ..config.located import looks_local
from ..config.schema import Config
from ..data.prompt.prompts import instruction_text, system_text
from ..evaluation.result import SCORE_NAMES
from ..models.bundled import PREFIX, bundled_model
from ..models.resolve import resolve_checkpoint
from ..runs.outcomes import RunScores, StageScores
from ..runs.schema import RunRecord
from .left_out import left_out
from .mean_card import MeanPart, mean_section

_LANGUAGES = {"ko": "Korean", "en": "English"}


def base_name(checkpoint: str) -> str:
    """Return a base model's name for others: the hub's for a bundled model, the folder's last part for a local one."""
    if checkpoint.startswith(PREFIX):
        return bundled_model(checkpoint).hub_name
    return checkpoint if is_on_hub(checkpoint) else Path(checkpoint).name


def is_on_hub(checkpoint: str) -> bool:
    """Tell whether others can get the base model itself by its name."""
    return not checkpoint.startswith(PREFIX) and not _is_folder(checkpoint)


def _is_folder(checkpoint: str) -> bool:
    return looks_local(checkpoint) or os.path.isdir(os.path.expanduser(checkpoint))


def base_of_adapter(checkpoint: str) -> str:
    """Return what an adapter on the hub says its base is: a name that others can load, or one that is no hub's."""
    name = base_name(checkpoint)
    return f"./{name}" if _is_folder(checkpoint) else name


def base_licence(checkpoint: str) -> str | None:
    """Return the licence that a base model states (`apache-2.0`), from its own files; None where it states none."""
    if checkpoint.startswith(PREFIX):
        return bundled_model(checkpoint).licence.lower()
    readme = Path(resolve_checkpoint(checkpoint)) / "README.md" if not is_on_hub(checkpoint) else _cached(checkpoint)
    if readme is None or not readme.is_file():
        return None
    _, _, rest = readme.read_text(encoding="utf-8", errors="replace").partition("---\n")
    try:
        header = yaml.load(rest.partition("\n---")[0][:MAX_BYTES], ShallowLoader)
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError):  # a stranger's file
        return None
    licence = header.get("license") if isinstance(header, dict) else None
    return licence if isinstance(licence, str) and licence else None  # a text: aliases can make others endless


def _cached(checkpoint: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(checkpoint, "README.md")
    return Path(found) if isinstance(found, str) else None


def model_card(
    config: Config, record: RunRecord | None, *, name: str, merged: bool, parts: Sequence[MeanPart] = ()
) -> str:
    """Return the text of a model card, of whole weights (`merged`) or of an adapter; `parts` are those of a mean.

    Data, scores with their tokenization and intervals, and cost come from the run's record, where there is one.
    """
    licence = base_licence(config.model.checkpoint)
    base = base_name(config.model.checkpoint)
    on_hub = not _is_folder(config.model.checkpoint)
    header = {
        "license": licence or "other",
        "language": [config.dataset.language],
        **({"base_model": base} if on_hub else {}),  # the name of a folder here would be a stranger's model there
        **({"base_model_relation": "finetune" if merged else "adapter"} if on_hub else {}),
        "library_name": "transformers" if merged else "peft",
        "pipeline_tag": "text-generation",
        "tags": ["summarization", "dialogue", "lora", "yoyak"],
    }
    stated = f"`{licence}`" if licence else "not stated in its files: look at its page before you pass this on"
    sections = [
        f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---",
        f"# {name}",
        f"Summarizes {_LANGUAGES[config.dataset.language]} dialogues. {'A model' if merged else 'An adapter'} made "
        f"from `{base}`{_edition(config.model.checkpoint)} with yoyak.",
        mean_section(parts) if parts else "",
        _intended_use(config),
        _how_to_use(config, merged),
        _data(config, record),
        _settings(config, record, [part.config.training.seed for part in parts] or [config.training.seed]),
        _scores(record),
        f"## Licence\n\nThe base model's licence holds for this model: {stated}. The training data has its own."
        + _terms(config.model.checkpoint),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _terms(checkpoint: str) -> str:
    """Return what a bundled model's terms ask of whoever passes this model on."""
    terms = bundled_model(checkpoint).terms if checkpoint.startswith(PREFIX) else None
    if terms is None:
        return ""
    return (
        f"\n\n{terms.notice}. Their use restrictions hold for this model and for what is made of it: pass "
        f"[{terms.copy_name}]({terms.copy_name}) and [NOTICE](NOTICE) on with it. The weights were changed by training."
    )


def _edition(checkpoint: str) -> str:
    """Return which weights a bundled model has: they are not the hub's."""
    if not checkpoint.startswith(PREFIX):
        return ""
    bundled = bundled_model(checkpoint)
    return f" (the weights of `{bundled.file}` in `{bundled.requirement}`)"


def _intended_use(config: Config) -> str:
    language = _LANGUAGES[config.dataset.language]
    return (
        "## Intended use\n\n"
        f"Short summaries of {language} conversations, one turn a line with the speaker before a colon, up to "
        f"{config.tokenizer.encoder_max_len} tokens with the prompt. Summaries can state what nobody said and leave "
        "out what matters: have them checked where something depends on them. Not for other languages, other kinds of "
        "text, or general chat."
    )


def _how_to_use(config: Config, merged: bool) -> str:
    decoding = _decoding(config, merged)
    if config.dataset.format_type == "instruction":
        alone = "Send the dialogue alone as the user's message; the chat template adds the instruction."
        return f"## Prompt\n\n{alone}\n\n{decoding}"
    system = system_text(config)
    opening = f"System message (the chat template adds it where there is none): `{system}`\n\n" if system else ""
    return (
        f"## Prompt\n\n{opening}User's message: the line below, then the dialogue.\n\n```\n"
        f"{instruction_text(config)}\n```\n\n{decoding}"
    )


def _decoding(config: Config, merged: bool) -> str:
    """Return how to decode as yoyak does with these settings, which need not be those that stand in the folder."""
    others = ", ".join(f"`{one}`" for one in left_out(config.generation))
    if not others:
        return f"Decode greedily{', as the generation settings in this folder do' if merged else ''}."
    greedy = "; the generation settings in this folder decode greedily" if merged else ""
    return f"yoyak decodes this model with {others}{greedy}."


def _data(config: Config, record: RunRecord | None) -> str:
    rows = []
    for split, source in (("train", config.data.train), ("eval", config.data.eval)):
        read = record.data.get(split) if record else None
        count = read.rows if read else None
        # Of a local path, whose folders are nobody's business, only the name.
        rows.append(f"| {split} | `{Path(source).name}` | {count if count is not None else 'not recorded'} |")
    return "## Data\n\n| split | file | dialogues |\n|---|---|---|\n" + "\n".join(rows)


def _settings(config: Config, record: RunRecord | None, seeds: Sequence[int]) -> str:
    lora, training = config.lora, config.training
    kind = "all weights"
    if lora.use_lora:
        variant = "DoRA" if lora.use_dora else "rsLoRA" if lora.use_rslora else "LoRA"
        kind = f"{variant}, r {lora.r}, alpha {lora.alpha:g}, base in {'4 bit (NF4)' if lora.use_qlora else '16 bit'}"
    values = {
        "method": kind,
        "prompt": f"{config.dataset.format_type}, layout {config.model.chat_template}",
        "epochs": f"{training.epochs:g}" if training.max_steps is None else count(training.max_steps, "step"),
        "batch": f"{training.batch_size} x {training.gradient_accumulation_steps}",
        "learning rate": f"{training.learning_rate:g}, {training.lr_scheduler_type}",
        "seed": ", ".join(map(str, dict.fromkeys(seeds))),
    }
    if record and record.train.eval_loss is not None:
        values["evaluation loss"] = f"{record.train.eval_loss:.3f}"
    values |= record.versions if record else {}
    return "## Training\n\n| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in values.items())


def _scores(record: RunRecord | None) -> str:
    stages = record.scores if record else RunScores()
    shown = {
        stage: scores
        for stage, scores in (("zero-shot", stages.zero_shot), ("fine-tuned", stages.fine_tuned))
        if scores and scores.rouge1 is not None
    }
    if not shown:
        return "## Scores\n\nNot scored."
    last = list(shown.values())[-1]
    stemmed = ", English words stemmed" if last.stemmer else ""
    cut = f" ({last.analyser})" if last.analyser else ""
    lines = [
        f"Tokenization `{last.tokenization}`{cut}{stemmed}; {count(last.n or 0, 'dialogue')}; F1 x 100"
        + (", in brackets the 95% interval." if last.rouge1_low is not None else "."),
        "",
        "| | " + " | ".join(shown) + " |",
        "|---" * (len(shown) + 1) + "|",
    ]
    for metric, title in SCORE_NAMES.items():
        if getattr(last, metric) is not None:
            lines.append(f"| {title} | " + " | ".join(_score(scores, metric) for scores in shown.values()) + " |")
    return "## Scores\n\n" + "\n".join(lines)


def _score(scores: StageScores, metric: str) -> str:
    value, low, high = (getattr(scores, name) for name in (metric, f"{metric}_low", f"{metric}_high"))
    if value is None:
        return ""
    return f"{value:.1f}" if low is None or high is None else f"{value:.1f} ({low:.1f} to {high:.1f})"
