"""What a run's result can't be exported to, said before hours are spent on it."""

from typing import Any

from ...runs.schema import ResolvedChoices, RunRecord
from .folder import RunContext


def note_exports(run: RunContext, model: Any, tokenizer: Any, prompt: Any) -> None:
    """Record and say which exports the run's result can't be written to."""
    from ...export.obstacles import export_obstacles, obstacles_sentence

    obstacles = export_obstacles(run.config, model, tokenizer, prompt)
    run.file.update(RunRecord(resolved=ResolvedChoices(no_export=obstacles)))
    if obstacles:
        say = run.logger.warning if "merged" in obstacles else run.logger.info
        say("What this run trains can't be exported %s", obstacles_sentence(obstacles))
