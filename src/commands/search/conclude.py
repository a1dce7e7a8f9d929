"""The end of a search: the winner, its score on dialogues that nothing was chosen on, and the files that say so."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from ...bilingual import count, halves
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
from ...search.folder import BEST_LINK, SEARCH_PAGE, SEARCH_RECORD, WINNER_CONFIG, trial_name
from ...search.held import BEAMS
from .additions import FOLDER, Winner, add_to_winner, chosen_among, known_additions
from .context import Search
from .earlier import what_stands
from .loop import UNEXPECTED, drop_models, finished_with_models
from .measured import TEST_SUMMARIES, scores_of, test_summaries
from .memory import PUT_BACK
from .others import other_folders, say_others
from .seconds import end_seconds, summaries_seconds, whole_seconds
from .trial import FINAL, has_scores, pause_dialogues, read_scores


def conclude(search: Search, stopped: bool = False) -> dict[str, Any]:
    """Choose the winner, report it on the dialogues that were set aside, and write the search's files.

    Args:
        search: whose trials have ended.
        stopped: by a signal: what takes time is left for the next start.

    Where all trials that have finished lie in other folders, nothing is chosen or written.

    Raises:
        YoyakError: no trial has finished.
    """
    search.study.look()
    finished = finished_with_models(search)
    if not finished:
        if stopped:
            return {}
        if others := other_folders(search):
            return {"name": search.config.experiment.name, "status": "elsewhere", "others": others}
        needed = end_seconds(search) + whole_seconds(search, search.units, pauses=False)
        raise YoyakError(
            f"--deadline: {hours(search.clock.deadline_seconds)} allowed no trial to end; one takes {hours(needed)} at "
            "the least; the same command with more goes on"
        )
    settings = search.config.search
    as_it_is = search.study.trials()[0]
    elsewhere = as_it_is.value if as_it_is.elsewhere else None
    choice = choose(finished, settings.most_unsupported_facts, settings.equal_within, elsewhere)
    _link(search.folder, trial_name(choice.chosen))  # usable from here on
    winner, earlier = what_stands(search, add_to_winner(search, choice.chosen, stopped))
    choice = _with_chosen(search, choice, winner.trial)
    _link(search.folder, str(winner.model.relative_to(search.folder)))
    write_atomic(search.folder / WINNER_CONFIG, winner_yaml(search, choice.chosen, winner.additions))
    if choice.chosen:  # trial 0 has one
        write_report(search.folder / trial_name(choice.chosen))
    test = None if stopped else _tested(search, winner)
    if not stopped:
        _drop_losers(search, choice, winner)
    record = search_record(search, choice, winner, test, "stopped" if stopped else "ended") | {"earlier": earlier}
    write_atomic(search.folder / SEARCH_RECORD, json.dumps(record, ensure_ascii=False, indent=1) + "\n")
    write_search_page(search.folder / SEARCH_PAGE, record, (search.folder / WINNER_CONFIG).read_text(encoding="utf-8"))
    return record


def _with_chosen(search: Search, choice: WinnerChoice, number: int) -> WinnerChoice:
    """Return the choice with a trial in place of the chosen one, which what an earlier end had kept is made of."""
    if number == choice.chosen:
        return choice
    its, as_it_is = (search.folder / trial_name(one) for one in (number, 0))
    gain = paired_difference(read_scores(its).scores, read_scores(as_it_is).scores) if has_scores(as_it_is) else None
    return replace(choice, equal=[number], chosen=number, gain=gain)


def search_record(
    search: Search, choice: WinnerChoice, winner: Winner, test: dict[str, Any] | None, status: str
) -> dict[str, Any]:
    """Return what `search.json` holds and `--json` prints."""
    trials = []
    for trial in search.study.trials():
        line: dict[str, Any] = {"number": trial.number, "settings": trial.settings, "state": trial.state}
        line |= {"measured": {str(pause): value for pause, value in trial.measured.items()}, "score": trial.value}
        line |= {"seconds": round(trial.spent.seconds, 2), "steps": trial.spent.steps, **halves("reason", trial.reason)}
        line |= {"stages": trial.attributes.get("stages", []), "ended_after": trial.attributes.get("ended_after")}
        line["elsewhere"] = trial.elsewhere
        line |= {name: trial.attributes.get(name, []) for name in (UNEXPECTED, PUT_BACK)}
        run = search.folder / trial_name(trial.number)
        if trial.state == "finished" and has_scores(run):
            scores = read_scores(run)
            line["low"], line["high"] = bootstrap_interval(scores.scores)
            line["unsupported_facts"] = scores.unsupported_facts
        trials.append(line)
    return {
        "name": search.config.experiment.name,
        "status": status,
        "objective": search.config.search.objective,
        "tokenization": search.config.evaluation.tokenization,
        "stemmer": search.config.evaluation.stemmer,
        "dev": {
            "source": search.data.dev_file or search.config.data.eval,
            "dialogues": len(search.data.dev),
            "trained_on": search.data.dev_trained,
        },
        "deadline_seconds": search.clock.deadline_seconds,
        "spent_seconds": round(search.clock.spent, 2),
        "pauses": search.settings.pauses,
        "pauses_by_summaries": _pauses_by_summaries(search),
        "trials": trials,
        "best": choice.best,
        "equal": choice.equal,
        "chosen": choice.chosen,
        "run": str(winner.model),
        "score": sum(winner.scores.scores) / len(winner.scores.scores),
        "additions": winner.additions,
        "together": [str(model) for model in winner.together],
        "gain": choice.gain.as_dict() if choice.gain else None,
        "test": test,
        "importances": search.study.importances(),
        "others": other_folders(search),
    }


def _pauses_by_summaries(search: Search) -> list[bool]:
    """Tell of each pause whether summaries are scored there, and not the loss."""
    few, count = pause_dialogues(search.settings, len(search.data.dev)), len(search.settings.pauses)
    return [bool(few) and place == count - 1 for place in range(count)]


def winner_yaml(search: Search, number: int, additions: Sequence[dict[str, Any]] = ()) -> str:
    """Return the winner's settings as a config of its own: those that differ from the defaults.

    What was added to its weights afterwards is said in a comment; beams are a setting.
    """
    settings = search.study.trials()[number].settings
    config = located(changed_config(search.config, settings, "search.space"))
    sections: dict[str, dict[str, Any]] = {}
    for name, value in flatten(config).items():
        field = SETTINGS[name]
        section, key = name.split(".")
        if section != "search" and (field.is_required() or value != field.default):
            sections.setdefault(section, {})[key] = value
    if any(line["kept"] and line["kind"] == "beams" for line in additions):
        sections.setdefault("generation", {})["num_beams"] = BEAMS
    sections["experiment"]["name"] = f"{config.experiment.name}_found"
    what = ", ".join(settings) if number else "the config as it is"
    head = f"# Found by yoyak search of {config.experiment.name}, trial {number}: {what}.\n"
    head += "".join(f"# Then: {line['label']}.\n" for line in additions if line["kept"])
    return head + yaml.safe_dump(sections, allow_unicode=True, sort_keys=False)


def show_result(search: Search, record: dict[str, Any]) -> None:
    """Print what was found, and what to type next."""
    say = partial(search.console.print)
    if record["status"] == "elsewhere":
        say("No trial has ended in this folder")
        say_others(search, record["others"])
        return
    finished = {trial["number"]: trial for trial in record["trials"] if trial["state"] == "finished"}
    refused = sum(trial["state"] == "refused" for trial in record["trials"])
    begun, took = len(record["trials"]) - refused, hours(record["spent_seconds"])
    say(f"\n{count(begun, 'trial')} in {took}, {len(finished)} of them to the end; {refused} never started")
    chosen, objective = record["chosen"], record["objective"]
    for number, why in ((trial["number"], why) for trial in record["trials"] for why in trial[UNEXPECTED]):
        say(f"Ended:   a process at trial {number}, unexpectedly: {why}")
    best, n = finished[chosen], record["dev"]["dialogues"]
    say(f"Winner:  trial {chosen}: {objective} {_interval(best, '.2f', 'score')} on {count(n, 'dialogue')}")
    place = record["equal"].index(chosen)  # the cheapest come first
    if others := ", ".join(map(str, record["equal"][place + 1 :])):
        say(f"Equal:   {others}, at a higher cost")
    if others := ", ".join(map(str, record["equal"][:place])):
        say(f"Equal:   {others}, at a lower cost, but below the config as it is")
    say_others(search, record["others"])
    if record["gain"] and chosen:
        say(f"Gain:    {_interval(record['gain'])} against the config as it is")
    for line in record["additions"]:
        if line["kept"]:
            say(f"Added:   {line['label']}: {objective} {line['score']:.2f}, {_interval(line['gain'])}")
        elif line["score"] is not None and line["reason"]:
            say(f"Gone:    {line['label']}: {line['reason']}")
    if earlier := record["earlier"]:
        label, score, instead = earlier["label"], earlier["score"], earlier["instead"]
        if earlier["stands"]:
            say(f"Before:  {label} of an earlier end is still better than what trial {instead} came to")
        else:
            say(f"Before:  {label} ({score:.2f}) of an earlier end no longer counts: {earlier['reason']}")
    for kind in dict.fromkeys(line["kind"] for line in record["additions"]):
        its = [line for line in record["additions"] if line["kind"] == kind]
        if all(line["score"] is None for line in its):
            say(f"Untried: {kind}: {its[0]['reason']}")
    if test := record["test"]:
        on = count(test["dialogues"], "dialogue")
        say(f"Test:    {_interval(test, '.2f', 'score')} on {on} that nothing was chosen on")
        if test.get("gain"):
            say(f"Gain:    {_interval(test['gain'])} against the config as it is, {test['as_it_is']:.2f} there")
    say(f"Report:  {search.folder / SEARCH_PAGE}")
    say(f"Config:  {search.folder / WINNER_CONFIG}")
    if record["together"]:
        first, *further = (typed_path(Path(model) / FINAL) for model in record["together"])
        also = " ".join(f"--also {model}" for model in further)
        together = test["together"] if test else None
        say(f"Several: yoyak evaluate --adapter {first} {also}")
        if together:
            n = test["dialogues"]
            say(f"Test:    {_interval(together, '.2f', 'score')} on {count(n, 'dialogue')} that nothing was chosen on")
    model = search.folder / BEST_LINK / FINAL
    say(f'Next:    yoyak summarize "Anna: ... Ben: ..." --adapter {typed_path(model)}')


def _interval(found: dict[str, Any], form: str = "+.2f", value: str = "difference") -> str:
    return f"{found[value]:{form}} ({found['low']:{form}} to {found['high']:{form}})"


def _tested(search: Search, winner: Winner) -> dict[str, Any]:
    """Return the scores on the set-aside dialogues: the winner's, where several models choose theirs, and where time
    is left that of the config as it is.
    """
    rows, as_it_is = search.data.test, search.folder / trial_name(0)
    scores = scores_of(search, test_summaries(search, winner.model).summaries, rows).scores
    found = {"source": search.data.test_source, "dialogues": len(scores), "trained_on": search.data.test_trained}
    found |= _estimate(scores)
    before = None
    known = (as_it_is / TEST_SUMMARIES).is_file()
    in_time = search.clock.left >= summaries_seconds(search, len(rows)) and (as_it_is / FINAL).is_dir()
    if winner.model != as_it_is and (known or in_time):
        before = scores_of(search, test_summaries(search, as_it_is).summaries, rows).scores
        difference = paired_difference(scores, before).as_dict()
        found |= {"as_it_is": sum(before) / len(before), "gain": difference}
    if winner.together:
        chosen = chosen_among(search, [test_summaries(search, model) for model in winner.together])
        together = scores_of(search, chosen, rows).scores
        found["together"] = _estimate(together) | {"gain": paired_difference(together, scores).as_dict()}
    return found


def _estimate(scores: list[float]) -> dict[str, Any]:
    low, high = bootstrap_interval(scores)
    return {"score": sum(scores) / len(scores), "low": low, "high": high}


def _drop_losers(search: Search, choice: WinnerChoice, winner: Winner) -> None:
    """End the trials that have paused, and remove all weights but the winner's."""
    for trial in search.study.trials():
        if trial.state == "begun" and trial.elsewhere is None:
            search.study.lose(trial.number)
            shutil.rmtree(search.folder / trial_name(trial.number) / "checkpoints", ignore_errors=True)
    needed = {winner.model, *winner.together}
    drop_models(search, {choice.chosen, choice.best, 0} | {_number(model) for model in needed})
    for label in known_additions(search.folder):  # a refining of the winner that somebody has made there is theirs
        if (added := search.folder / FOLDER / label) not in needed:
            shutil.rmtree(added / FINAL, ignore_errors=True)


def _number(model: Path) -> int:
    """Return a trial's number; -1 of what was added."""
    return int(model.name.removeprefix("trial_")) if model.name.startswith("trial_") else -1


def _link(folder: Path, name: str) -> None:
    """Let `best` lead to a run; whole or as it was."""
    beside = folder / f".{BEST_LINK}.new"
    beside.unlink(missing_ok=True)
    os.symlink(name, beside, target_is_directory=True)
    os.replace(beside, folder / BEST_LINK)
