"""The trials of a search, one after another, until nothing more can end before the deadline."""

import filecmp
import shutil
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Literal

from optuna.exceptions import UpdateFinishedTrialError

from ...config.loader import changed_config
from ...errors import YoyakError, first_line
from ...models.free_memory import resident_bytes
from ...redaction import redact
from ...reports.report import write_report
from ...runs.disk import is_disk_full, is_too_large
from ...search.choice import Finished
from ...search.costs import Units
from ...search.folder import trial_name
from ...search.halving import by_promise, promotable
from ...search.space import Settings, decoded, own_params
from ...search.study import TrialRecord
from ...search.workers import claimed, deciding, held_trials
from ..train.config import refuse_untrainable
from .context import Search
from .measured import free_memory
from .memory import MOST_IN_A_ROW, MemoryTakenError, blamed, is_memory_full, wait_for_memory
from .reasons import GivenUpError, too_large, too_late, with_half
from .seconds import (
    REPORT_SECONDS,
    pace,
    reserved_seconds,
    seconds_after_training,
    stage_seconds,
    whole_seconds,
)
from .trial import EARLIER, FINAL, Stage, has_scores, read_scores, run_stage, trial_config
from .trial_lines import say_begin, say_end

UNEXPECTED = "unexpected"
"""In a trial's record: the errors by which processes have ended at it."""
_ADAPTER = "adapter_model.safetensors"
_REFUSALS = 20  # drawn in a row that can't fit or end in time, after which no more are drawn
_FAILURES = 3  # trials in a row after which the search gives up
_Later = Literal["drawn", "unknown"]
"""Why a worker asks again: what it drew is never started, or nothing has been measured to judge it by."""
_ASK_AGAIN_SECONDS: dict[_Later, float] = {"drawn": 0.01, "unknown": 1.0}  # the first lets others decide meanwhile


def run_trials(search: Search) -> None:
    """Run trials until none can begin or go on that would end before the deadline.

    Raises:
        YoyakError: the config as it is can't be trained, or the disk is full.
        GivenUpError: trial after trial fails, or others hold the memory that they were to take.
        KeyboardInterrupt: stopped by a signal.
    """
    refused, short = 0, 0  # in a row: drawn, and ended by memory that others hold
    while True:
        taken = None
        with ExitStack() as stack:
            with deciding(search.folder):
                found = _next(search, refused)
                if found is None:
                    return
                if not isinstance(found, str):
                    stack.enter_context(claimed(search.folder, trial_name(found[0])))
            if isinstance(found, str):
                refused += found == "drawn"
                time.sleep(_ASK_AGAIN_SECONDS[found])
                continue
            refused = 0
            try:
                _run(search, *found)
                short = 0
            except MemoryTakenError as error:
                taken, short = error.shortage, short + 1  # not the error, which keeps the trial's tensors
                if short == MOST_IN_A_ROW:
                    raise error.last_word(short) from None
                search.console.print(str(error), style="yellow")
            except UpdateFinishedTrialError:  # it took this one for dead: of another machine only the lock's age tells
                search.study.look()
                said = f"Trial {found[0]} has been ended by another process meanwhile; what this one found is not kept"
                search.console.print(said, style="yellow")
        free_memory()
        if taken is not None:
            wait_for_memory(taken)


def _next(search: Search, refused: int) -> tuple[int, int | None] | _Later | None:
    """Return the trial that runs next and the pause to which it does (None: to its end); None where none can.

    `refused` trials in a row were drawn before and are never started.
    """
    held = held_trials(search.folder)  # before they are read: one that ends meanwhile is none to go on with
    search.study.look()
    trials = search.study.trials()
    search.heed_decisions()
    if not trials:
        first = _begun(search, own_params(search.config, search.space), search.units)
        return first if isinstance(first, str) else (first, None)
    here = {trial.number for trial in trials if trial.state == "begun" and trial.elsewhere is None}
    free = {number for number in here if trial_name(number) not in held}
    pauses, left = len(search.settings.pauses), search.clock.left - reserved_seconds(search)
    cut_off = next((t for t in trials if t.number in free and not t.measured and t.number), None)
    if cut_off is not None and cut_off.units and whole_seconds(search, cut_off.units) <= left:
        return cut_off.number, 0 if pauses else None
    standings = [trial.standing for trial in trials]
    good = promotable(standings, pauses, search.config.search.keep_one_in, free)
    if good == 0 and search.clock.left <= seconds_after_training(search, trials[0]):
        return None  # each further part would end after its first step, and so on beyond the deadline
    if good is not None and (good == 0 or _ends_in_time(search, trials[good], left)):
        later = standings[good].pause + 1
        return good, later if good and later < pauses else None
    drawn = _draw(search, trials, left, 0 in here - free) if refused < _REFUSALS else None
    if drawn is not None:
        return drawn if isinstance(drawn, str) else (drawn, 0 if pauses else None)
    for promising in by_promise(standings, free):
        if _ends_in_time(search, trials[promising], left, pauses=False):
            return promising, None
    return None


def _ends_in_time(search: Search, trial: TrialRecord, left: float, pauses: bool = True) -> bool:
    return trial.units is not None and whole_seconds(search, trial.units, trial, pauses) <= left


def _draw(search: Search, trials: "list[TrialRecord]", left: float, first_runs: bool) -> int | _Later | None:
    """Add the next trial, or one that is never started, with the reason; None where there is none.

    One that only the time refuses ends the drawing where the cheapest so far wouldn't end in time either. Before
    anything was measured, while another worker has the first trial (`first_runs`), time refuses none for good.
    """
    most = search.config.search.trials
    begun = [trial for trial in trials if trial.state != "refused"]
    if most is not None and len(begun) >= most:
        return None
    cheapest = min((trial.units.whole for trial in begun if trial.units), default=0.0)
    params = search.study.draw()
    same = next((trial.number for trial in begun if trial.settings == decoded(params)), None)
    if same is not None:  # it would end with the same weights
        search.study.add(params, None, with_half(f"has the same settings as trial {same}"))
        return "drawn"
    try:
        config = changed_config(search.config, decoded(params), "search.space")
        refuse_untrainable(config)
        units = search.machine.units(config)
    except YoyakError as error:
        search.study.add(params, None, with_half(str(error)))
        return "drawn"
    if not units.fits:
        search.study.add(params, units, too_large(units.peak_bytes))
        return "drawn"
    needed = whole_seconds(search, units)
    if needed <= left:
        return _begun(search, params, units)
    if first_runs and not pace(search).measured:
        return "unknown"
    search.study.add(params, units, too_late(needed, left))
    cheaper = replace(units, steps=max(1, round(units.steps * cheapest / units.whole)))
    return None if whole_seconds(search, cheaper) > left else "drawn"


def _begun(search: Search, params: Settings | None, units: Units) -> int | _Later:
    """Add a trial that begins, unless one of another folder has begun with the same settings in the same moment."""
    number = search.study.add(params, units)
    *before, trial = search.study.trials()[: number + 1]
    same = next((one.number for one in before if one.state != "refused" and one.settings == trial.settings), None)
    if same is None:
        return number
    search.study.refuse(number, with_half(f"has the same settings as trial {same}"))
    return "drawn"


def _run(search: Search, number: int, until: int | None) -> None:
    """Run a trial to a pause or its end, and keep what came of it."""
    trial = search.study.trials()[number]
    assert trial.units is not None
    config = trial_config(search.config, number, trial.settings, search.folder, search.data.dev_file)
    speed = pace(search)
    foreseen = stage_seconds(search, speed, trial.units, trial, until)
    limit = seconds_after_training(search, trial)
    say_begin(search, trial, foreseen)
    steps, losses = trial.units.steps, search.machine.losses
    resident = resident_bytes()
    try:
        stage = run_stage(config, search.settings, steps, until, lambda _: search.clock.left > limit, losses)
    except Exception as raised:
        error = blamed(search, trial, raised, resident) if is_memory_full(raised) else raised
        if not isinstance(error, YoyakError):
            if not isinstance(error, OSError):  # which is the machine's fault
                _note_unexpected(search, trial, error)
            raise  # this process ends; others and the next start go on
        spared = isinstance(error, MemoryTakenError) or is_disk_full(error) or is_too_large(error)
        if number == 0 or spared:  # no fault of the trial, which can go on
            raise error from raised.__cause__
        _fail(search, trial, str(error))
        return
    _keep(search, trial, stage, foreseen)


def _keep(search: Search, trial: TrialRecord, stage: Stage, foreseen: float) -> None:
    """Put what came of a part of a trial into the storage; drop weights that nobody needs any more."""
    took = {"foreseen": foreseen, "seconds": stage.spent.seconds, "ended_after": search.clock.spent}
    stages = [*trial.attributes.get("stages", []), took | {"spent": vars(stage.spent)}]
    search.study.measure(trial.number, stage.measured, trial.spent.plus(stage.spent))
    search.study.note(trial.number, "stages", stages)
    search.study.note(trial.number, "ended_after", search.clock.spent)
    if stage.scores is not None:
        if trial.number == 0:  # how long a page takes is known from here on: Korean facts need seconds
            start = time.perf_counter()
            write_report(search.folder / trial_name(0))
            search.study.note(0, REPORT_SECONDS, time.perf_counter() - start)
            speed, units = pace(search), trial.units
            if units is not None and speed.measured:  # whole seconds, however often the trial was killed
                each = speed.begin + units.evaluation * speed.evaluation
                search.decide_pauses(each, stage_seconds(search, speed, units))
        _keep_earlier(search.folder / trial_name(trial.number))  # before it counts as finished: a kill comes back here
        search.study.finish(trial.number, sum(stage.scores.scores) / len(stage.scores.scores))
        drop_models(search)
    say_end(search, stage)


def _keep_earlier(run: Path) -> None:
    """Keep of a finished trial's checkpoints the adapters whose weights are not the final model's."""
    final = run / FINAL / _ADAPTER
    for checkpoint in (run / "checkpoints").glob("checkpoint-*"):
        adapter, settings = checkpoint / _ADAPTER, checkpoint / "adapter_config.json"
        there = final.is_file() and adapter.is_file() and settings.is_file()
        if there and not filecmp.cmp(adapter, final, shallow=False):
            place = run / EARLIER / checkpoint.name.removeprefix("checkpoint-")
            place.mkdir(parents=True, exist_ok=True)
            for path in (adapter, settings):
                shutil.copyfile(path, place / path.name)
    shutil.rmtree(run / "checkpoints", ignore_errors=True)


def drop_models(search: Search, keep: "set[int] | None" = None) -> None:
    """Remove the final models of all finished trials but the best ones and the config's own, or but `keep`."""
    finished = [trial for trial in search.study.trials() if trial.state == "finished"]
    if keep is None:
        keep = {0, *(trial.number for trial in best_first(search)[: search.config.search.keep_models])}
    for trial in finished:
        if trial.number not in keep:
            for name in (FINAL, EARLIER):
                shutil.rmtree(search.folder / trial_name(trial.number) / name, ignore_errors=True)


def best_first(search: Search) -> list[TrialRecord]:
    """Return the finished trials, those first whose summaries keep to `search.most_unsupported_facts`, of these the
    best; without those whose folder somebody has removed.
    """
    most = search.config.search.most_unsupported_facts

    def rank(trial: TrialRecord) -> tuple[float, float, int]:
        facts = read_scores(search.folder / trial_name(trial.number)).unsupported_facts if most is not None else 0.0
        return max(facts - (most or 0.0), 0.0), -(trial.value or 0.0), trial.number

    finished = [trial for trial in search.study.trials() if trial.state == "finished"]
    return sorted((trial for trial in finished if has_scores(search.folder / trial_name(trial.number))), key=rank)


def finished_with_models(search: Search) -> list[Finished]:
    """Return the finished trials whose weights are here."""
    found = []
    for trial in search.study.trials():
        run = search.folder / trial_name(trial.number)
        if trial.state == "finished" and trial.units and (run / FINAL).is_dir() and has_scores(run):
            scores = read_scores(run)
            found.append(Finished(trial.number, scores.scores, trial.units.whole, scores.unsupported_facts))
    return found


def _fail(search: Search, trial: TrialRecord, reason: str) -> None:
    search.study.fail(trial.number, with_half(reason))
    shutil.rmtree(search.folder / trial_name(trial.number) / "checkpoints", ignore_errors=True)
    search.console.print(f"Trial {trial.number} failed: {reason}", style="yellow")
    here = [one.state for one in search.study.trials() if one.elsewhere is None]
    newest = [state for state in here if state != "refused"][-_FAILURES:]
    if newest == ["failed"] * _FAILURES:
        raise GivenUpError(f"{_FAILURES} trials in a row failed, the last one so: {reason}")


def _note_unexpected(search: Search, trial: TrialRecord, error: Exception) -> None:
    """Keep that a trial has ended a process. One that has ended two is not gone on with: it would end all, in turn."""
    why = redact(f"{type(error).__name__}: {first_line(error)}")
    before = trial.attributes.get(UNEXPECTED, [])
    search.study.note(trial.number, UNEXPECTED, [*before, why])
    if before and trial.number:
        said = f"two processes have ended at it unexpectedly, the last one so: {why}"
        search.study.fail(trial.number, with_half(said))
