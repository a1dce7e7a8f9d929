"""What people have done in the studio, each with who it was: lines of JSON beside the runs."""

import json
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass
from datetime import datetime

from ..bilingual import Text
from ..files import appending
from ..runs.record import now
from .place import Place

ACTIONS = {
    "start": Text("started by {}", "{} 님이 시작"),
    "wait": Text("put into the queue by {}", "{} 님이 대기열에 넣음"),
    "take out": Text("taken out of the queue by {}", "{} 님이 대기열에서 뺌"),
    "move": Text("moved in the queue by {}", "{} 님이 대기열 순서를 바꿈"),
    "stop": Text("stopped by {}", "{} 님이 멈춤"),
    "resume": Text("gone on with by {}", "{} 님이 이어서 시작"),
    "delete": Text("deleted by {}", "{} 님이 삭제"),
    "restore": Text("taken back from the bin by {}", "{} 님이 휴지통에서 되돌림"),
    "export": Text("exported by {}", "{} 님이 내보냄"),
    "try": Text("tried by {}", "{} 님이 써 봄"),
    "vote": Text("voted on by {}", "{} 님이 투표"),
    "empty": Text("bin emptied by {}", "{} 님이 휴지통을 비움"),
    "bring": Text("brought by {}", "{} 님이 가져옴"),
    "split": Text("split by {}", "{} 님이 나눔"),
    "remove": Text("removed by {}", "{} 님이 지움"),
    "measure": Text("machine measured by {}", "{} 님이 컴퓨터를 측정"),
}
"""What can be done, and how it is said."""
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Action:
    """What someone did.

    Attributes:
        at: the moment, ISO 8601 in UTC.
        who: the name under which it was done.
        did: one of `ACTIONS`.
        about: a run's name, or a file's.
    """

    at: str
    who: str
    did: str
    about: str

    @property
    def sentence(self) -> Text:
        """Return what happened in words."""
        words = ACTIONS[self.did]
        return Text(words.format(self.who), words.ko.format(self.who))


def keep_action(place: Place, who: str | None, did: str, about: str = "") -> None:
    """Write down what someone has done; where the disk refuses, the terminal is told."""
    line = json.dumps(asdict(Action(now(), who or "?", did, about)), ensure_ascii=False) + "\n"
    try:
        place.own.mkdir(parents=True, exist_ok=True)
        with appending(place.own / "actions.jsonl") as file:
            file.write(line)
    except OSError as error:
        logging.getLogger("yoyak.studio").error("%s: can't be written (%s)", place.own, error.strerror)


def actions_on(place: Place, about: str) -> list[Action]:
    """Return what was done to a run, the earliest first; of an earlier run of its name, that was deleted, nothing."""
    found: list[Action] = []
    for action in _latest(place):
        if action.about == about:
            if action.did in ("start", "wait") and found and found[-1].did == "delete":
                found = []
            found.append(action)
    return found


def deleted_at(place: Place, about: str) -> float | None:
    """Return when what had a name was last deleted, in seconds since 1970; None where it was not, or came back."""
    moment = None
    for action in _latest(place):
        if action.about == about and action.did in ("delete", "restore"):
            moment = action.at if action.did == "delete" else None
    with suppress(ValueError):
        return datetime.fromisoformat(moment).timestamp() + 1 if moment is not None else None  # whole seconds are kept
    return None


def sentences_of(actions: Sequence[Action]) -> list[tuple[Text, str]]:
    """Return what was done with its moment; what the same person did again and again, once with the latest."""
    said = {action.sentence: action.at for action in actions}
    return list(said.items())


def _latest(place: Place) -> list[Action]:
    """Return the actions that the end of the file holds."""
    found = []
    with suppress(OSError), open(place.own / "actions.jsonl", "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _READ_BYTES))
        for line in file.read().splitlines():
            with suppress(ValueError, TypeError, RecursionError):
                action = Action(**json.loads(line))
                if action.did in ACTIONS and all(isinstance(part, str) for part in astuple(action)):
                    found.append(action)
    return found
