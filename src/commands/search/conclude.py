"""The end of a search: the winner, its score on dialogues that nothing was chosen on, and the files that say so."""

import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from ...config.loader import changed_config, flatten
from ...config.located import located
from ...config.provenance import SETTINGS
from ...config.typed import typed_path
from ...errors import YoyakError
from ...evaluation.significance import bootstrap_interval, paired_difference
from ...files import write_atomic
from ...planner.advice import hours
from ...reports.report import write_report
from ...reports.search_page import write_search_page
from ...search.choice import WinnerChoice, choose
from ...search.objective import objective_scores
from .context import Search
from .loop import drop_models, finished_with_models, pace, reserved_seconds
from .trial import pause_dialogues, read_scores, trial_name

RECORD, WINNER, PAGE = "search.json", "best.yaml", "search.html"
BEST = "best"
"""A link in the search's folder to the run of the winner."""


def conclude(search: Search, stopped: bool = False) -> dict[str, Any]:
    """Choose the winner, report it on the dialogues that were set aside, and write the search's files.

    Args:
        search: whose trials have ended.
        stopped: by a signal: what takes time is left for the next start.

    Raises:
        YoyakError: no trial has finished.
    """
    finished = finished_with_models(search)
    if not finished:
        if stopped:
            return {}
        needed = reserved_seconds(search) + _first_seconds(search)
        raise YoyakError(
            f"--deadline: {hours(search.clock.deadline_seconds)} allowed no trial to end; one takes {hours(needed)} at "
            "the least; the same command with more goes on"
        )
    choice = choose(finished, search.config.search.most_unsupported_facts)
    _link(search.folder, trial_name(choice.chosen))
    write_atomic(search.folder / WINNER, winner_yaml(search, choice.chosen))
    if choice.chosen:  # trial 0 has one
        write_report(search.folder / trial_name(choice.chosen))
    test = None if stopped else _tested(search, choice)
    if not stopped:
        _drop_losers(search, choice)
    record = search_record(search, choice, test, "stopped" if stopped else "ended")
    write_atomic(search.folder / RECORD, json.dumps(record, ensure_ascii=False, indent=1) + "\n")
    write_search_page(search.folder / PAGE, record, (search.folder / WINNER).read_text(encoding="utf-8"))
    return record


def search_record(search: Search, choice: WinnerChoice, test: dict[str, Any] | None, status: str) -> dict[str, Any]:
    """Return what `search.json` holds and `--json` prints."""
    trials = []
    for trial in search.study.trials():
        line: dict[str, Any] = {"number": trial.number, "settings": trial.settings, "state": trial.state}
        line |= {"measured": {str(pause): value for pause, value in trial.measured.items()}, "score": trial.value}
        line |= {"seconds": round(trial.spent.seconds, 2), "steps": trial.spent.steps, "reason": trial.reason}
        line |= {"stages": trial.attributes.get("stages", []), "ended_after": trial.attributes.get("ended_after")}
        if trial.state == "finished":
            scores = read_scores(search.folder / trial_name(trial.number))
            line["low"], line["high"] = bootstrap_interval(scores.scores)
            line["unsupported_facts"] = scores.unsupported_facts
        trials.append(line)
    return {
        "name": search.config.experiment.name,
        "status": status,
        "objective": search.config.search.objective,
        "tokenization": search.config.evaluation.tokenization,
        "stemmer": search.config.evaluation.stemmer,
        "dev": {"source": search.data.dev_file or search.config.data.eval, "dialogues": len(search.data.dev)},
        "deadline_seconds": search.clock.deadline_seconds,
        "spent_seconds": round(search.clock.spent, 2),
        "pauses": search.config.search.pauses,
        "pauses_by_summaries": _pauses_by_summaries(search),
        "trials": trials,
        "best": choice.best,
        "equal": choice.equal,
        "chosen": choice.chosen,
        "run": str(search.folder / trial_name(choice.chosen)),
        "gain": choice.gain.as_dict() if choice.gain else None,
        "test": test,
        "importances": search.study.importances(),
    }


def _pauses_by_summaries(search: Search) -> list[bool]:
    """Tell of each pause whether summaries are scored there, and not the loss."""
    few, count = pause_dialogues(search.config.search, len(search.data.dev)), len(search.config.search.pauses)
    return [bool(few) and place == count - 1 for place in range(count)]


def winner_yaml(search: Search, number: int) -> str:
    """Return the winner's settings as a config of its own: those that differ from the defaults."""
    settings = search.study.trials()[number].settings
    config = located(changed_config(search.config, settings, "search.space"))
    sections: dict[str, dict[str, Any]] = {}
    for name, value in flatten(config).items():
        field = SETTINGS[name]
        section, key = name.split(".")
        if section != "search" and (field.is_required() or value != field.default):
            sections.setdefault(section, {})[key] = value
    sections["experiment"]["name"] = f"{config.experiment.name}_found"
    what = ", ".join(settings) if number else "the config as it is"
    head = f"# Found by yoyak search of {config.experiment.name}, trial {number}: {what}.\n"
    return head + yaml.safe_dump(sections, allow_unicode=True, sort_keys=False)


def show_result(search: Search, record: dict[str, Any]) -> None:
    """Print what was found, and what to type next."""
    say = partial(search.console.print)
    finished = {trial["number"]: trial for trial in record["trials"] if trial["state"] == "finished"}
    refused = sum(trial["state"] == "refused" for trial in record["trials"])
    begun, took = len(record["trials"]) - refused, hours(record["spent_seconds"])
    say(f"\n{begun} trials in {took}, {len(finished)} of them to the end; {refused} never started")
    chosen, objective = record["chosen"], record["objective"]
    best, n = finished[chosen], record["dev"]["dialogues"]
    say(f"Winner:  trial {chosen}: {objective} {_interval(best, '.2f', 'score')} on {n} dialogues")
    others = ", ".join(str(number) for number in record["equal"] if number != chosen)
    if others:
        say(f"Equal:   {others}, at a higher cost")
    if record["gain"] and chosen:
        say(f"Gain:    {_interval(record['gain'])} against the config as it is")
    if test := record["test"]:
        say(f"Test:    {_interval(test, '.2f', 'score')} on {test['dialogues']} dialogues that nothing was chosen on")
        if test.get("gain"):
            say(f"Gain:    {_interval(test['gain'])} against the config as it is, {test['as_it_is']:.2f} there")
    say(f"Report:  {search.folder / PAGE}")
    say(f"Config:  {search.folder / WINNER}")
    model = search.folder / BEST / "final_model"
    say(f'Next:    yoyak summarize "Anna: ... Ben: ..." --adapter {typed_path(model)}')


def _interval(found: dict[str, Any], form: str = "+.2f", value: str = "difference") -> str:
    return f"{found[value]:{form}} ({found['low']:{form}} to {found['high']:{form}})"


def _first_seconds(search: Search) -> float:
    from .loop import whole_seconds

    return whole_seconds(search, search.units)


def _tested(search: Search, choice: WinnerChoice) -> dict[str, Any] | None:
    """Return the scores on the set-aside dialogues of the winner and, where time is left, of the config as it is."""
    scores = _test_scores(search, choice.chosen)
    low, high = bootstrap_interval(scores)
    found: dict[str, Any] = {
        "source": search.data.test_source,
        "dialogues": len(scores),
        "score": sum(scores) / len(scores),
        "low": low,
        "high": high,
    }
    speed, units = pace(search), search.units
    needed = speed.begin + len(search.data.test) * units.summary * speed.summary
    if choice.chosen == 0 or search.clock.left < needed or not _model(search, 0).is_dir():
        return found
    before = _test_scores(search, 0)
    difference = paired_difference(scores, before).as_dict()
    return found | {"as_it_is": sum(before) / len(before), "gain": difference}


def _test_scores(search: Search, number: int) -> list[float]:
    """Return the scores of a trial's summaries of the set-aside dialogues, which are kept with its run."""
    from ..console import create_console
    from ..generating import summaries
    from ..model import load_configured
    from ..saved_settings import load_saved

    kept = _model(search, number).parent / "test_scores.json"
    if kept.is_file():
        known: list[float] = json.loads(kept.read_text(encoding="utf-8"))
        return known
    config = load_saved(_model(search, number), [])
    final = str(_model(search, number))
    if config.lora.use_lora:
        config.lora.adapter = final
    else:
        config.model.checkpoint = final
    rows = search.data.test
    loaded = load_configured(config, create_console(quiet=True))
    made = summaries(loaded, [row.dialogue for row in rows], lambda *_: None)
    texts, references = [one.text for one in made], [row.summary for row in rows]
    scores = objective_scores(search.config.search.objective, texts, references, config.evaluation)
    write_atomic(kept, json.dumps(scores))
    return scores


def _model(search: Search, number: int) -> Path:
    return search.folder / trial_name(number) / "final_model"


def _drop_losers(search: Search, choice: WinnerChoice) -> None:
    """End the trials that have paused, and remove all weights but the winner's."""
    for trial in search.study.trials():
        if trial.state == "begun":
            search.study.lose(trial.number)
            shutil.rmtree(search.folder / trial_name(trial.number) / "checkpoints", ignore_errors=True)
    drop_models(search, keep={choice.chosen, choice.best, 0})


def _link(folder: Path, name: str) -> None:
    """Let `best` lead to a run; whole or as it was."""
    beside = folder / f".{BEST}.new"
    beside.unlink(missing_ok=True)
    os.symlink(name, beside, target_is_directory=True)
    os.replace(beside, folder / BEST)
