import json
import math

from src.web.curves import Curve, MetricsFollower, sampled_losses


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def test_a_file_is_read_as_it_grows_in_whole_lines(tmp_path):
    path = tmp_path / "metrics.jsonl"
    follower = MetricsFollower(path)
    follower.read()
    assert follower.curves == {}
    path.write_text(lines({"step": 1, "loss": 2.0, "epoch": 0.5}) + '{"step": 2, "lo')
    follower.read()
    assert {name: curve.points() for name, curve in follower.curves.items()} == {"loss": ([1.0], [2.0])}
    with path.open("a") as file:
        file.write('ss": 1.5}\n{"step": 2, "eval_loss": 1.75}\nno json\n[1]\n{"loss": 3}\n{"step": true, "loss": 3}\n')
    follower.read()
    assert follower.curves["loss"].points() == ([1.0, 2.0], [2.0, 1.5])
    assert follower.curves["eval_loss"].points() == ([2.0], [1.75])


def test_a_file_that_is_cut_or_replaced_is_read_anew(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(lines({"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}))
    follower = MetricsFollower(path)
    follower.read()
    first = follower.generation
    path.write_text(lines({"step": 1, "loss": 5.0}))
    follower.read()
    assert (follower.generation, follower.curves["loss"].points()) == (first + 1, ([1.0], [5.0]))


def test_a_file_that_was_cut_and_has_grown_since_is_read_anew(tmp_path):
    """As of a run that was killed and goes on from a checkpoint, or of another run of the name, while no page looks."""
    path = tmp_path / "metrics.jsonl"
    path.write_text(lines(*({"step": step, "loss": 9.0} for step in range(1, 31))))
    follower = MetricsFollower(path)
    follower.read()
    first, number = follower.generation, path.stat().st_ino
    with path.open("r+") as file:
        file.truncate(len(lines(*({"step": step, "loss": 9.0} for step in range(1, 21)))))
        file.seek(0, 2)
        file.write(lines(*({"step": step, "loss": 1.25} for step in range(21, 61))))
    assert path.stat().st_ino == number
    follower.read()
    assert follower.generation == first + 1
    assert follower.curves["loss"].points() == ([float(step) for step in range(1, 61)], [9.0] * 20 + [1.25] * 40)
    assert follower.step == 60


def test_pages_get_all_points_anew_where_some_went(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(lines({"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0}))
    follower = MetricsFollower(path)
    assert follower.step is None
    follower.read()
    known = follower.generation
    with path.open("a") as file:
        file.write(lines({"step": 3, "loss": 1.0}))
    follower.read()
    assert follower.generation == known
    with path.open("a") as file:
        file.write(lines({"step": 2, "loss": 5.0}, {"step": 3, "loss": 4.0}, {"step": 4, "loss": 3.5}))
    follower.read()
    assert follower.generation > known
    assert follower.curves["loss"].points() == ([1.0, 2.0, 3.0, 4.0], [3.0, 5.0, 4.0, 3.5])


def test_a_step_that_comes_again_replaces_what_was_behind_it():
    curve = Curve()
    for step, value in ((1, 4.0), (2, 3.0), (3, 2.0), (2, 2.5)):
        curve.add(step, value)
    assert curve.points() == ([1.0, 2.0], [4.0, 2.5])
    assert curve.points(since=1) == ([2.0], [2.5])


def test_what_json_cannot_hold_is_a_gap():
    curve = Curve()
    for step, value in ((1, math.nan), (2, math.inf), (3, 1.0)):
        curve.add(step, value)
    assert curve.points() == ([1.0, 2.0, 3.0], [None, None, 1.0])


def test_of_many_points_the_extremes_stay():
    curve = Curve()
    for step in range(100_000):
        curve.add(step, 100.0 if step == 77_777 else -5.0 if step == 31_000 else step % 7)
    steps, values = curve.decimated(500)
    assert len(steps) <= 500
    assert (steps[0], steps[-1]) == (0.0, 99_999.0)
    assert values[steps.index(77_777.0)] == 100.0
    assert values[steps.index(31_000.0)] == -5.0
    assert steps == sorted(steps)


def test_a_thumbnail_of_a_large_file_takes_lines_here_and_there(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(lines(*({"step": step, "loss": 1000.0 - step} for step in range(50_000))))
    points = sampled_losses(path)
    assert 40 <= len(points) <= 130
    assert points[0][0] < 1000
    assert points[-1][0] > 48_000
    assert all(loss == 1000.0 - step for step, loss in points)
    assert sampled_losses(tmp_path / "none") == []
