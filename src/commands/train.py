"""`yoyak train`: a run from its config to its report."""

from pathlib import Path

from ..config.loader import load_config_with_sources
from ..config.schema import Config
from .console import quiet_libraries
from .runs import TrainRequest, started_run


def train_run(request: TrainRequest) -> Path:
    """Run an experiment from its config to its report; return the run's folder."""
    return train_config(resolve_config(request), request)


def train_config(config: Config, request: TrainRequest) -> Path:
    """Run a config from its data to its report; return the run's folder."""
    quiet_libraries()
    with started_run(config, request) as run:
        from ..models.lora_loader import LoRALoader
        from ..reports.report import write_report
        from ..training.llm_trainer import create_llm_trainer
        from . import show, steps

        tables = steps.load_tables(run)
        loader = LoRALoader(config, run.logger)
        model, tokenizer = loader.load_model_and_tokenizer(config.lora.use_lora, config.lora.use_qlora)
        steps.record_model(run, loader, model)
        train_set, eval_set = steps.encode_tables(run, tables, tokenizer)
        before = steps.score(run, model, tokenizer, eval_set, tables["eval"], "zero_shot")
        trainer = create_llm_trainer(config, model, tokenizer, train_set, eval_set, logger=run.logger)
        steps.show_progress(run, trainer)
        with steps.counted_faults(run, trainer):
            steps.record_results(run, trainer.train())
        after = steps.score(run, model, tokenizer, eval_set, tables["eval"], "fine_tuned")
        if before and after:
            steps.save_predictions(run, tables["eval"], before, after)
            show.show_examples(run, tables["eval"], before, after)
        steps.note_changed_data(run)
    write_report(run.folder)
    show.show_next_command(run)
    return run.folder


def resolve_config(request: TrainRequest) -> Config:
    """Return the experiment's settings with the flags applied: adapter kind, name, augmentation, debug sizes."""
    config, sources = load_config_with_sources(request.experiment, request.overrides)
    if request.use_qlora is not None:
        config.lora.use_qlora = request.use_qlora
    elif not config.lora.use_lora and sources["lora.use_qlora"] != "command line":
        config.lora.use_qlora = False  # full fine-tuning asked for; 4 bit was only the default
    if not config.lora.use_qlora and sources["experiment.name"] != "command line":
        kind = "_lora" if config.lora.use_lora else "_full"
        if config.experiment.name.endswith("_qlora"):
            config.experiment.name = config.experiment.name.removesuffix("_qlora") + kind
    if request.use_instruction_augmentation:
        config.data.instruction_augmentation = True
    if request.debug:
        config.data.max_train_examples, config.data.max_eval_examples = 50, 10
        config.training.epochs, config.training.batch_size = 1, 2
        config.training.report_to = []
    return config
