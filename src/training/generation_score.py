"""The ROUGE sum of a model under training: summaries of the evaluation set, generated and scored."""

from functools import partial
from typing import Any

from ..config.schema import Config
from ..data.prompt.templates import IGNORE
from ..evaluation.rouge import score_summaries
from ..inference.dealt import dealt
from ..inference.decoding import summary_text
from ..inference.generator import settled, stream_summaries


def rouge_sum(model: Any, tokenizer: Any, dataset: Any, config: Config) -> float:
    """Return ROUGE-1 + ROUGE-2 + ROUGE-L of generated summaries, as `config.evaluation` says.

    The arguments are those of `generated_and_references`.
    """
    ordered, references = generated_and_references(model, tokenizer, dataset, config)
    return score_summaries(ordered, references, config.evaluation.tokenization, config.evaluation.stemmer).rouge_sum


def generated_and_references(model: Any, tokenizer: Any, dataset: Any, config: Config) -> tuple[list[str], list[str]]:
    """Return generated summaries of examples, as `config.generation` says, and their references.

    The part of an example without loss is the prompt, the rest the reference and the end token. The mode of the model,
    which is under training, and the random state are as before afterwards.
    """
    prompts, references, end_id = prompts_and_references(dataset, tokenizer)
    most = config.tokenizer.decoder_max_len
    stream = partial(
        stream_summaries,
        model,
        tokenizer,
        settings=settled(config.generation, model, tokenizer, prompts, end_id, most),
        end_id=end_id,
        max_new_tokens=most,
        scoring=config.evaluation,
    )
    return [result.text for result in dealt(prompts, stream)], references


def prompts_and_references(dataset: Any, tokenizer: Any) -> tuple[list[list[int]], list[str], int]:
    """Return each example's prompt as ids and its summary as text, and the end token's id."""
    prompts, references, end_id = [], [], 0
    for item in dataset:
        ids, own = item["input_ids"], item["labels"] != IGNORE
        prompts.append(ids[~own].tolist())
        references.append(summary_text(tokenizer, ids[own][:-1]).strip())
        end_id = int(ids[-1])
    return prompts, references, end_id
