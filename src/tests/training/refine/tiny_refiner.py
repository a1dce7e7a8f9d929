"""A refiner of a tiny model, which rewards long summaries."""

from pathlib import Path
from typing import Any

import torch

from src.data.llm_dataset import create_llm_dataset
from src.tests.tiny_models import DIALOGUES, SUMMARIES, load_tiny, tiny_config
from src.training.refine.refiner import RefineExample, Refiner
from src.training.refine.reward import Drawn, Reward
from src.training.refine.run import RefineRun
from src.training.state.resolved import resolve


class Lengths:
    """Rewards long summaries, in this process."""

    def __call__(self, drawn: list[Drawn]) -> list[list[Reward]]:
        return [[Reward(float(len(text)), float(len(text)), 0, 0, 0, 0.0) for text in one.summaries] for one in drawn]


def refiner_of(base: str, folder: Path, use_lora: bool = True, longest: int = 6, **refine: Any) -> Refiner:
    config = tiny_config(base, folder, model__dtype="fp32", tokenizer__decoder_max_len=longest)
    config.lora.use_lora = use_lora
    config.lora.use_qlora = use_lora
    settings = {"steps": 4, "dialogues": 2, "samples": 3, "eval_steps": 2, "patience": None, "learning_rate": 1e-2}
    config.refine = config.refine.model_copy(update=settings | refine)
    model, tokenizer = load_tiny(config)
    dataset = create_llm_dataset(DIALOGUES, SUMMARIES, tokenizer, decoder_max_len=longest, language="en")
    examples = []
    for index, (dialogue, summary) in enumerate(zip(DIALOGUES, SUMMARIES, strict=True)):
        ids = dataset[index]["input_ids"]
        own = dataset[index]["labels"] != -100
        examples.append(RefineExample(dialogue, ids[~own].tolist(), summary, ids[own].tolist()))
    resolved = resolve(config, model, dataset)
    return Refiner(model, tokenizer, dataset.prompt, examples, config, Lengths(), resolved, rows=4)  # type: ignore[arg-type]


def run_of(refiner: Refiner, folder: Path, resume: Any = None) -> RefineRun:
    return RefineRun(refiner, refiner.examples[:2], folder, {"config": {}}, resume)


def weights(refiner: Refiner) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in refiner.parameters.items()}


def folder_of(path: Path) -> Path:
    path.mkdir()
    return path
