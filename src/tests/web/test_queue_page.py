"""What the pages say of runs that wait, and how their order is changed there."""

from src.tests.lock_holder import holder
from src.tests.web.test_queue import words
from src.web.waiting import WaitingRuns


def test_a_new_run_waits_while_another_is_under_way(visitor, place, write_studio_run):
    run = write_studio_run("going", status="running", command="yoyak train --experiment qwen3_4b")
    form = {"experiment": "quickstart", "experiment.name": "mine"}
    assert ">Start</button>" in visitor.get("/new/plan", params=form).text
    with holder(run):
        page = visitor.get("/new/plan", params=form).text
        assert "Start when the GPU is free" in page
        assert "Start now" not in page
        refused = visitor.post("/runs", data=form)
        assert refused.status_code == 422
        assert "going is under way, and whether both fit can&#39;t be planned: this run waits." in refused.text
        answer = visitor.post("/runs", data=form | {"when": "free"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/runs/mine")
        assert "number 1 of 1 in the queue" in visitor.get("/runs/mine").text
        again = visitor.post("/runs", data=form | {"when": "free"})
        assert "a run of this name waits in the queue" in again.text
        assert 'name="experiment.name" value="quickstart"' in visitor.get("/new").text
        assert "1 waiting for the GPU" in visitor.get("/").text
        assert "yoyak train --experiment quickstart experiment.name=mine" in visitor.get("/queue").text
    (one,) = WaitingRuns(place).all()
    assert "mine no longer waits." in visitor.post(f"/queue/{one.key}/out", data={"a": ""}).text
    assert visitor.post(f"/queue/{one.key}/out", data={"a": ""}).status_code == 404
    assert visitor.get("/runs/mine").status_code == 404


def test_the_order_is_changed_on_the_page(visitor, place):
    waiting = WaitingRuns(place)
    a, b = (waiting.add(name, words(name)) for name in "ab")
    page = visitor.post(f"/queue/{b.key}/up", data={"x": ""}).text
    assert page.index('/runs/b"') < page.index('/runs/a"')
    visitor.post(f"/queue/{b.key}/down", data={"x": ""})
    assert [one.about for one in waiting.all()] == ["a", "b"]
    assert visitor.post(f"/queue/{a.key}/sideways", data={"x": ""}).status_code == 404
    assert "대기열" in visitor.get("/queue", headers={"accept-language": "ko"}).text
    assert "스튜디오를 닫으면" in visitor.get("/queue", headers={"accept-language": "ko"}).text
