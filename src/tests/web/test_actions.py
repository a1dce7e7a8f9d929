"""What was done, by whom, and where it shows."""

import getpass
import json

import pytest

from src.web.actions import actions_on, keep_action, sentences_of
from src.web.votes import add_vote, duels, read_votes, result_of


def done(place, about="one"):
    return [(action.who, action.did) for action in actions_on(place, about)]


def test_actions_are_lines_in_order(place):
    for who, did in (("Min", "start"), ("Jun", "stop"), ("Min", "resume"), (None, "export")):
        keep_action(place, who, did, "one")
    keep_action(place, "Min", "start", "two")
    assert done(place) == [("Min", "start"), ("Jun", "stop"), ("Min", "resume"), ("?", "export")]
    assert [str(said) for said, _ in sentences_of(actions_on(place, "one"))] == [
        "started by Min", "stopped by Jun", "gone on with by Min", "exported by ?",
    ]  # fmt: skip
    with (place.own / "actions.jsonl").open("a") as file:
        file.write('no json\n[]\n{}\n{"at": "x", "who": "x", "did": "fly", "about": "one"}\n')
        file.write('{"at": 1, "who": "x", "did": "stop", "about": "one"}\n')
    assert len(done(place)) == 4


def test_a_new_run_of_a_deleted_runs_name_has_its_own(place):
    for did in ("start", "delete", "wait", "move"):
        keep_action(place, "Min", did, "one")
    assert done(place) == [("Min", "wait"), ("Min", "move")]
    for did in ("delete", "restore"):
        keep_action(place, "Min", did, "one")
    assert [did for _, did in done(place)] == ["wait", "move", "delete", "restore"]


def test_what_can_not_be_written_down_is_done_all_the_same(place):
    place.runs.mkdir()
    place.own.write_text("a file")
    keep_action(place, "Min", "start", "one")
    assert done(place) == []


def test_alone_on_this_machine_the_name_is_the_users(visitor, place, brought_file):
    assert getpass.getuser() in visitor.get("/").text
    assert "Log out" not in visitor.get("/").text
    visitor.post(f"/data/{brought_file}/delete", data={"a": ""})
    assert done(place, brought_file) == [(getpass.getuser(), "remove")]


def test_each_person_votes_on_every_dialogue(visitor, voted_on):
    found = duels(voted_on, "one", "two")
    for who, side in (("Min", "left"), ("Jun", "right")):
        add_vote(voted_on, "one", "two", found[0], side, who)
    add_vote(voted_on, "one", "two", found[1], "tie", "Min")
    votes = read_votes(voted_on, "one", "two")
    assert {who: list(of_one) for who, of_one in votes.items()} == {
        "Min": [found[0].key, found[1].key], "Jun": [found[0].key],
    }  # fmt: skip
    result = result_of(found, votes.values())
    assert (result.wins_a, result.wins_b, result.ties) == (1, 1, 1)
    page = visitor.get("/vote?a=one&b=two").text
    assert "0 of 6" in page
    assert '<dt translate="no">Jun</dt>' in page
    key = found[0].key
    visitor.post("/vote", data={"a": "one", "b": "two", "key": key, "side": "tie"})
    assert read_votes(voted_on, "one", "two")[getpass.getuser()] == {key: "tie"}
    last = json.loads((voted_on.own / "actions.jsonl").read_text().splitlines()[-1])
    assert (last["did"], last["about"]) == ("vote", "one two")


@pytest.mark.parametrize("accept", ["en", "ko"])
def test_the_page_of_a_run_says_who_did_what(visitor, place, write_studio_run, accept):
    write_studio_run("one")
    keep_action(place, "Min", "start", "one")
    keep_action(place, "<i>Jun</i>", "stop", "one")
    page = visitor.get("/runs/one", headers={"accept-language": accept}).text
    assert ("started by Min (" if accept == "en" else "Min 님이 시작 (") in page
    assert "<i>Jun</i>" not in page
