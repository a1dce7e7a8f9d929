"""The trials of a search, as Optuna's storage keeps them: what is tried next, and what was found.

A trial that has paused stays `RUNNING` in the storage, with its measurements as intermediate values. What comes next is
drawn in a copy of the study in which such a trial counts as one that was stopped there (`PRUNED`), which is how TPE
learns from unfinished trials; what is drawn depends on the seed, the trial's number and these values only.
"""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from ..bilingual import Text, halves
from ..config.provenance import value_text
from ..errors import YoyakError, first_line
from .costs import Spent, Units
from .halving import Standing, State
from .place import PLACE, SearchPlace
from .space import Settings, Space, decoded
from .storage import open_storage

STUDY = "yoyak"
IDENTITY = "yoyak_search"
_STARTUP = 5  # trials drawn at random before TPE has something to go by
_STATES: dict[TrialState, State] = {
    TrialState.RUNNING: "begun",
    TrialState.WAITING: "begun",
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "lost",
    TrialState.FAIL: "refused",
}


@dataclass(frozen=True)
class TrialRecord:
    """A trial as it stands: what it tries, what was found, what it took, and why it was never started or failed.

    `elsewhere` is the folder, with its machine, in which its files lie where that is not this search's own.
    """

    number: int
    settings: Settings
    state: State
    measured: Mapping[int, float]
    value: float | None
    reason: str | None
    attributes: Mapping[str, Any]
    elsewhere: str | None = None

    @property
    def standing(self) -> Standing:
        """Return how far it is."""
        return Standing(self.number, self.state, self.measured)

    @property
    def units(self) -> Units | None:
        """Return its work, None where it was not counted."""
        return Units(**self.attributes["units"]) if "units" in self.attributes else None

    @property
    def spent(self) -> Spent:
        """Return what it took."""
        return Spent(**self.attributes.get("spent", {}))


class SearchStudy:
    """The storage of a search."""

    def __init__(
        self,
        url: str,
        name: str,
        space: Space,
        seed: int,
        anew: bool = False,
        at_random: bool = False,
        place: SearchPlace | None = None,
    ) -> None:
        """Open the storage at a URL of Optuna, with the study `yoyak/NAME`, which is made where it isn't there.

        `anew` removes what the study held. Trials are drawn by TPE, or `at_random`. Those that are begun get their
        files in the folder of a `place`.

        Raises:
            YoyakError: it can't be opened, or holds trials of a folder that is gone, or `anew` those of other folders.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        self.url, self.space, self.seed, self.at_random, self.place = url, space, seed, at_random, place
        self._seen: list[optuna.trial.FrozenTrial] | None = None
        study = f"{STUDY}/{name}"
        try:
            there = open_storage(url)
            made: dict[str, Any] = {"storage": there, "study_name": study, "direction": "maximize"}
            self._study = optuna.create_study(**made, load_if_exists=True)
            if place is not None:
                place.refuse_others(url, [trial.user_attrs for trial in self._found()], anew)
            if anew:
                optuna.delete_study(study_name=study, storage=there)
                self._study = optuna.create_study(**made)
                self.look()
        except YoyakError:
            raise
        except Exception as error:  # of whichever driver and database
            raise YoyakError(f"--storage {url}: can't be opened ({first_line(error)})") from error

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turn what the database refuses (its disk is full, or it is gone) into a YoyakError."""
        try:
            yield
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            why = first_line(error.__cause__ or error)
            raise YoyakError(
                f"{self.url}: can't be used any more ({why}); what it holds stays; mend that, and the same command "
                "goes on"
            ) from error

    def refuse_another(self, identity: Mapping[str, Any]) -> None:
        """Keep what makes this search, or raise YoyakError where the storage holds one of another make."""
        there = self._study.user_attrs.get(IDENTITY)
        if there is None:
            self._study.set_user_attr(IDENTITY, dict(identity))
            return
        now = json.loads(json.dumps(identity))
        other = [f"{key} is {value_text(now.get(key))}, was {value_text(was)}" for key, was in there.items()]
        other = [words for words, (key, was) in zip(other, there.items(), strict=True) if now.get(key) != was]
        if other:
            raise YoyakError(
                f"{self.url}: holds another search: {'; '.join(other)}; set it back, or begin anew with --overwrite or "
                "another experiment.name"
            )

    def decide(self, name: str, value: Any) -> None:
        """Keep what was decided for the whole search."""
        self._study.set_user_attr(name, value)

    def decided(self, name: str, default: Any) -> Any:
        """Return what was decided."""
        return self._study.user_attrs.get(name, default)

    def look(self) -> None:
        """See what other processes have done: until then trials are as they were when this one last changed any.

        Reading them takes milliseconds in which others wait, and each decision asks for them a dozen times.
        """
        self._seen = None

    def trials(self) -> list[TrialRecord]:
        """Return all trials in order."""
        return [trial_record(trial, self.place) for trial in self._found()]

    def draw(self) -> Settings:
        """Return what the next trial tries, in Optuna's values."""
        trials = self._found()
        seed = self.seed * 1_000_003 + len(trials)
        sampler: optuna.samplers.BaseSampler
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            if self.at_random:
                sampler = optuna.samplers.RandomSampler(seed)
            else:
                sampler = optuna.samplers.TPESampler(n_startup_trials=_STARTUP, multivariate=True, seed=seed)
            copy = optuna.create_study(direction="maximize", sampler=sampler)
            copy.add_trials([trial for known in trials if (trial := self._as_known(known)) is not None])
            drawn: Settings = copy.ask(self.space).params
        return drawn

    def add(self, params: Settings | None, units: Units | None, reason: str | None = None) -> int:
        """Add a trial, whole or not at all; return its number.

        `params` None is the config as it is, outside the ranges; with a `reason` it is one that is never started.
        """
        attributes: dict[str, Any] = {} if units is None else {"units": vars(units)}
        if self.place is not None:
            attributes[PLACE] = self.place.as_json()
        if reason is not None:
            attributes |= halves("reason", reason)
        trial = optuna.trial.create_trial(
            state=TrialState.RUNNING if reason is None else TrialState.FAIL,
            params=params or {},
            distributions={name: self.space[name] for name in params or ()},
            user_attrs=attributes,
        )
        storage = self._study._storage  # whose answer tells the number, whoever adds one at the same time
        number = storage.get_trial_number_from_id(storage.create_new_trial(self._study._study_id, trial))
        self.look()
        return number

    def measure(self, number: int, measured: Mapping[int, float], spent: Spent) -> None:
        """Keep what was found at pauses, and what the trial has taken."""
        trial = self._live(number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is there already is not written again
            for pause, value in sorted(measured.items()):
                trial.report(value, pause)
        trial.set_user_attr("spent", vars(spent))
        self.look()

    def note(self, number: int, name: str, value: Any) -> None:
        """Keep something about a trial that has begun."""
        self._live(number).set_user_attr(name, value)
        self.look()

    def finish(self, number: int, value: float) -> None:
        """End a trial with its score."""
        self._study.tell(number, value, skip_if_finished=True)
        self.look()

    def lose(self, number: int) -> None:
        """End a trial that goes on no more."""
        self._study.tell(number, state=TrialState.PRUNED, skip_if_finished=True)
        self.look()

    def fail(self, number: int, reason: str) -> None:
        """End a trial that has gone wrong."""
        for name, half in halves("failed", reason).items():
            self._live(number).set_user_attr(name, half)
        self._study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
        self.look()

    def refuse(self, number: int, reason: str) -> None:
        """End a trial that was added and is not begun after all."""
        for name, half in halves("reason", reason).items():
            self._live(number).set_user_attr(name, half)
        self._study.tell(number, state=TrialState.FAIL)
        self.look()

    def importances(self) -> dict[str, float]:
        """Return each searched setting's share of what makes the scores differ; empty where too few have finished."""
        usable = [t for t in self._found() if t.state == TrialState.COMPLETE and t.params]
        if len(usable) < 4:
            return {}
        copy = optuna.create_study(direction="maximize")
        copy.add_trials(usable)
        try:
            return dict(optuna.importance.get_param_importances(copy))
        except (ValueError, RuntimeError):  # all scores alike
            return {}

    def _found(self) -> list[optuna.trial.FrozenTrial]:
        if self._seen is None:
            self._seen = self._study.get_trials(deepcopy=False)
        return self._seen

    def _live(self, number: int) -> optuna.trial.Trial:
        return optuna.trial.Trial(self._study, self._found()[number]._trial_id)

    def _as_known(self, trial: optuna.trial.FrozenTrial) -> optuna.trial.FrozenTrial | None:
        """Return a trial as TPE may know it: a paused one as stopped there, none without a place or a value."""
        if set(trial.params) != set(self.space) or trial.state == TrialState.FAIL:
            return None
        if trial.state == TrialState.COMPLETE:
            return trial
        if not trial.intermediate_values:
            return None if trial.state == TrialState.PRUNED else trial
        return optuna.trial.create_trial(
            state=TrialState.PRUNED,
            params=trial.params,
            distributions=trial.distributions,
            intermediate_values=trial.intermediate_values,
        )


def trial_record(trial: optuna.trial.FrozenTrial, place: SearchPlace | None = None) -> TrialRecord:
    """Return a trial of the storage, as it is seen from the folder of a `place`."""
    attributes = trial.user_attrs
    state: State = "failed" if "failed" in attributes else _STATES[trial.state]
    return TrialRecord(
        number=trial.number,
        settings=decoded(trial.params),
        state=state,
        measured=dict(trial.intermediate_values),
        value=trial.value if trial.state == TrialState.COMPLETE else None,
        reason=_reason(attributes, "failed") or _reason(attributes, "reason"),
        attributes=attributes,
        elsewhere=place.other(attributes) if place else None,
    )


def _reason(attributes: Mapping[str, Any], name: str) -> str | None:
    english, korean = attributes.get(name), attributes.get(f"{name}_ko")
    return Text(english, korean) if english is not None and korean is not None else english
