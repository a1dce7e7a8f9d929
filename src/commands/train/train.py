"""`yoyak train`: a run from its config to its report, or from where it stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...config.schema import Config
from ...errors import YoyakError
from ..console import create_console, quiet_libraries
from .config import resolve_config
from .folder import TrainRequest, started_run, warn_low_rate
from .resume import find_earlier_run, is_complete


def train_run(request: TrainRequest) -> Path:
    """Run an experiment from its config to its report; return the folder. Raises as `trained_alone`."""
    with trained_alone():
        return train_config(resolve_config(request), request)


@contextmanager
def trained_alone() -> Iterator[None]:
    """Train in this one process.

    Raises:
        YoyakError: a launcher has started several.
        SystemExit: stopped by Ctrl-C (130) or SIGTERM (143).
    """
    from ...training.guards.one_process import refuse_several_processes

    refuse_several_processes()
    try:
        yield
    except KeyboardInterrupt as stop:
        raise SystemExit(getattr(stop, "exit_code", 130)) from None


def train_config(config: Config, request: TrainRequest) -> Path:
    """Run a config from its data to its report, or go on with its run; return the run's folder."""
    from ...training.guards.one_process import leave_out_launchers, say_left_out

    if request.resume and request.overwrite:
        raise YoyakError("--resume goes on with a run and --overwrite replaces it; leave one out")
    left_out = leave_out_launchers()  # before torch and transformers read them
    quiet_libraries()
    earlier = find_earlier_run(config) if request.resume else None
    if is_complete(config, earlier):
        folder = Path(config.experiment.output_dir) / config.experiment.name
        create_console().print(f"{folder}: is complete, nothing to do", markup=False, soft_wrap=True)
        return folder
    with started_run(config, request, earlier) as run:
        warn_low_rate(config, run.logger)
        say_left_out(left_out, run.logger)
        from ...reports.report import write_report
        from ...training.llm_trainer import create_llm_trainer
        from . import run_steps, show, train_data, train_exports, train_plan

        tables = train_data.load_tables(run)
        loader = run_steps.create_loader(run)
        train_set, eval_set = run_steps.encode_tables(run, tables, loader.tokenizer)
        run_steps.refuse_long_examples(run, loader, train_set, eval_set)
        plan = train_plan.plan_first(run, request, loader.facts.model_config, train_set, eval_set)
        model, tokenizer = loader.load_model_and_tokenizer(config.lora.use_lora, config.lora.use_qlora)
        run_steps.record_model(run, loader, model)
        train_exports.note_exports(run, model, tokenizer, train_set.prompt)
        resolved = run_steps.resolve_run(run, loader, model, train_set, eval_set)
        before = run_steps.score(run, model, tokenizer, eval_set, tables["eval"], "zero_shot")
        options = {"logger": run.logger, "resume": run.checkpoint, "resolved": resolved}
        trainer = create_llm_trainer(config, model, tokenizer, train_set, eval_set, **options)
        results = run_steps.train_and_record(run, trainer)
        train_plan.record_plan(run, plan, results)
        after = run_steps.score(run, model, tokenizer, eval_set, tables["eval"], "fine_tuned")
        if before and after:
            run_steps.save_predictions(run, tables["eval"], before, after)
            show.show_examples(run, tables["eval"], before, after)
        train_data.note_changed_data(run)
    write_report(run.folder)
    show.show_faults(run)
    show.show_next_command(run)
    return run.folder
