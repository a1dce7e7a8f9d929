"""`yoyak train`: a run from its config to its report, or from where it stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...config.schema import Config
from ...config.unread import refuse_of_search
from ...planner.sharding import refuse_what_cannot_be_cut
from ...ranks.group import agreed, is_first_rank, working_alone
from ...training.several.sharding import sharding_as_asked
from ..console import create_console, quiet_libraries
from ..together import as_asked
from .config import resolve_config, warn_low_rate, warn_no_warmup
from .folder import RunContext, followed_run, started_run
from .launch import train_arguments
from .request import TrainRequest
from .resume import find_earlier_run, is_complete, other_data


def train_run(request: TrainRequest) -> Path:
    """Run an experiment from its config to its report; return the folder.

    Where a launcher has started this process as one of several, it trains with the others; where `request` asks for
    several GPUs or processes, it starts them.

    Raises:
        YoyakError: see `train_config`, or a launcher has left open who trains with whom.
        SystemExit: stopped by Ctrl-C (130) or SIGTERM (143), or another process has failed.
    """
    config = resolve_config(request)
    refuse_of_search(request.overrides)
    refuse_what_cannot_be_cut(config)  # before processes are started
    with as_asked(request.several, train_arguments(request), config.training.rank_timeout):
        return train_config(config, request)


@contextmanager
def begun_run(config: Config, request: TrainRequest, log_name: str = "train_llm") -> Iterator[RunContext | None]:
    """Yield a run that begins, or goes on; None where it is complete, which is said."""
    from ...training.guards.one_process import leave_out_launchers, say_left_out

    left_out = leave_out_launchers()  # before torch and transformers read them
    quiet_libraries()
    earlier = agreed(lambda: find_earlier_run(config) if request.resume else None)
    if earlier is not None and is_complete(config, earlier):
        console, folder = create_console(quiet=request.quiet), config.experiment.run_dir
        console.print(f"{folder}: is complete, nothing to do")
        for source in other_data(config, earlier):
            console.print(f"{source}: is not what {folder} was trained on; --overwrite trains anew", style="yellow")
        yield None
        return
    begins = started_run if is_first_rank() else followed_run
    with begins(config, request, earlier, log_name) as run:
        say_left_out(left_out, run.logger)
        yield run


def train_config(config: Config, request: TrainRequest) -> Path:
    """Run a config from its data to its report, or go on with its run; return the run's folder."""
    sharding_as_asked(config)
    with begun_run(config, request) as run:
        if run is None:
            return config.experiment.run_dir
        warn_low_rate(config, run.logger)
        warn_no_warmup(config, run.logger)
        from ...reports.report import write_report
        from ...training.llm_trainer import create_llm_trainer
        from . import run_steps, show, train_data, train_exports, train_plan

        tables = train_data.load_tables(run)
        loader = run_steps.create_loader(run)
        train_set, eval_set = run_steps.encode_tables(run, tables, loader.tokenizer)
        run_steps.warn_long_examples(run, loader, train_set, eval_set)
        plan = train_plan.plan_first(run, request, loader.facts.model_config, train_set, eval_set)
        loader.sharding = train_plan.decided_sharding(config, plan)
        model, tokenizer = loader.load_model_and_tokenizer(config.lora.use_lora, config.lora.use_qlora)
        run_steps.record_model(run, loader, model)
        train_exports.note_exports(run, model, tokenizer, train_set.prompt)
        resolved = run_steps.resolve_run(run, loader, model, train_set, eval_set)
        run_steps.refuse_replaced_model(run, model)
        before = run_steps.score(run, model, tokenizer, eval_set, tables["eval"], "zero_shot")
        options = {"logger": run.logger, "resume": run.checkpoint, "resolved": resolved}
        trainer = create_llm_trainer(config, model, tokenizer, train_set, eval_set, **options)
        results = run_steps.train_and_record(run, trainer)
        train_plan.record_plan(run, plan, results)
        after = run_steps.score(run, model, tokenizer, eval_set, tables["eval"], "fine_tuned")
        if not is_first_rank():
            return run.folder
        with working_alone():  # with folds the others begin the next one
            if before and after:
                run_steps.save_predictions(run, tables["eval"], before, after)
                show.show_examples(run, tables["eval"], before, after)
            train_data.note_changed_data(run)
    with working_alone():
        write_report(run.folder)
    show.show_faults(run)
    show.show_next_command(run)
    return run.folder
