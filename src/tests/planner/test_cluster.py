import json

import pytest

from src.errors import YoyakError
from src.planner.cluster import LINKS, NETWORKS, Cluster, Link, chosen_cluster
from src.planner.job import job_of, of_one_card
from src.planner.over_cards import cards_picture, cards_text, on_more_cards
from src.planner.plan import make_plan
from src.planner.refining import make_refine_plan
from src.tests.planner.test_plan import run, situation

FAST, SLOW = Link("fast", 100e9, 1e-6, ""), Link("slow", 1e9, 1e-3, "")


@pytest.mark.parametrize(
    ("cluster", "seconds"),
    [
        (Cluster(), 0.0),
        (Cluster(2, 1, FAST), 1e-3 + 2e-6),  # each sends 100 MB in all, after one pass there and one back
        (Cluster(4, 1, FAST), 1.5e-3 + 4e-6),
        (Cluster(4, 2, FAST, SLOW), 2 * 7 / 8 * 0.1 + 2 * (2e-6 + 1e-3)),
        (Cluster(4, 2, SLOW, FAST), 2 * 7 / 8 * 0.1 + 2 * (2e-3 + 1e-6)),  # within a host it is slower
    ],
)
def test_an_all_reduce_of_100_megabytes(cluster, seconds):
    assert cluster.all_reduce_seconds(100_000_000) == pytest.approx(seconds)


def test_two_h200_take_what_was_measured():
    assert Cluster(2).all_reduce_seconds(4 * 24_313_856) == pytest.approx(0.36e-3, rel=0.01)


@pytest.mark.parametrize(
    ("card", "link"), [("H100", "nvlink"), ("A100 80GB", "nvlink"), ("RTX 3090", "pcie4"), ("L40S", "pcie4")]
)
def test_cards_are_joined_as_they_are_sold(card, link):
    assert chosen_cluster(2, 1, None, None, card) == Cluster(2, 1, next(one for one in LINKS if one.name == link))
    assert chosen_cluster(2, 3, "PCIe5", "ethernet10", card) == Cluster(2, 3, LINKS[1], NETWORKS[3])


def test_unknown_links_and_too_many_cards_are_refused():
    with pytest.raises(YoyakError, match=r"^--link sli: no such link here; nvlink, pcie5, pcie4, pcie3 are known$"):
        chosen_cluster(2, 1, "sli", None, "H100")
    with pytest.raises(YoyakError, match=r"^--network wifi: no such link here; ethernet400, "):
        chosen_cluster(2, 2, None, "wifi", "H100")
    with pytest.raises(YoyakError, match=r"^--cards 8 --hosts 200: at most 1024 cards in all are planned for$"):
        chosen_cluster(8, 200, None, None, "H100")


@pytest.mark.parametrize(("cards", "size", "accumulation"), [(1, 8, 8), (2, 8, 4), (3, 8, 3), (16, 4, 1), (100, 1, 1)])
def test_a_card_has_its_part_of_a_step(cards, size, accumulation):
    one = situation("training.batch_size=8", "training.gradient_accumulation_steps=8")
    part = of_one_card(job_of(one.config, one.shape, one.device), cards)
    assert (part.batch_size, part.accumulation) == (size, accumulation)


def test_more_cards_take_less_time_and_memory_and_cost_what_they_do(capsys):
    from dataclasses import replace

    one = situation(gpu="H200")
    rows = on_more_cards(replace(one, cluster=Cluster(4, 4)))
    assert [(row.cluster.hosts, row.cluster.cards) for row in rows] == [(1, 1), (1, 2), (1, 4), (2, 4), (4, 4)]
    assert rows[0].plan == make_plan(one)
    assert [row.times for row in rows] == sorted(row.times for row in rows)
    assert 1.7 < rows[1].times < 2
    assert 2.9 < rows[2].times < 4
    memory = [row.plan.choice.memory.device_bytes for row in rows]
    assert memory == sorted(memory, reverse=True)
    hours = rows[2].plan.total_seconds / 3600
    assert rows[2].plan.cost(3.0) == pytest.approx(4 * 3 * hours)
    lines = cards_text(rows, 3.0).splitlines()
    assert lines[0].split() == ["cards", "s", "a", "step", "run", "speed", "GB", "each", "cost"]
    assert [line[:9].strip() for line in lines[1:]] == ["1", "2", "4", "2 x 4", "4 x 4"]
    picture = cards_picture(replace(one, cluster=Cluster(4)), "a < b")
    assert "a &lt; b" in picture
    assert "nvlink, ethernet100, 64 cards: " in picture


@pytest.mark.long
def test_the_command_says_both(capsys, tmp_path, monkeypatch):
    arguments = ["--gpu", "H200", "--cards", "2", "--hosts", "2", "--lengths", "300,600,1000"]
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    assert " examples on each of 4 cards of 2 hosts (nvlink, ethernet100), " in out
    assert out.splitlines()[-1].startswith("    2 x 2 ")
    code, out, _ = run(capsys, *arguments, "--json", "--price-per-hour", "2")
    plan = json.loads(out)
    assert (plan["cards"], plan["hosts"], plan["link"], plan["network"]) == (2, 2, "nvlink", "ethernet100")
    assert plan["all_reduce_seconds"] > 0
    assert plan["cost"] == pytest.approx(plan["total_seconds"] / 3600 * 8, abs=0.01)
    code, out, _ = run(capsys, *arguments, "--compare", "--json")
    counts = [(row.get("hosts", 1), row.get("cards", 1)) for row in json.loads(out)]
    assert counts == [(1, 1), (1, 2), (2, 2), (4, 2), (8, 2), (16, 2), (32, 2)]
    code, out, _ = run(capsys, *arguments, "--compare")
    lines = out.splitlines()
    (first,) = (number for number, line in enumerate(lines) if line.split()[:2] == ["joined", "by"])
    table = {line.split()[0]: float(line.split()[1]) for line in lines[first + 1 : first + 5]}
    assert list(table) == ["ethernet400", "ethernet100", "ethernet25", "ethernet10"]
    assert list(table.values()) == sorted(table.values())


def test_cards_refine_each_a_part_of_a_step():
    """Of 64 dialogues 3 cards have 22 at the most."""
    from dataclasses import replace

    one = situation(gpu="H200")
    alone, three = (make_refine_plan(replace(one, cluster=cluster)) for cluster in (Cluster(), Cluster(3)))
    assert (alone.choice.job.examples, three.choice.job.examples) == (one.config.refine.dialogues, 22)
    assert alone.choice.rows > three.choice.rows == 22 * one.config.refine.samples
    assert alone.step_parts["drawing"] > three.step_parts["drawing"]
    assert alone.step_parts["rewards"] == three.step_parts["rewards"]  # a host's cores are shared
    assert set(three.step_parts) - set(alone.step_parts) == {"all_reduce"}
    assert three.cost(2.0) == pytest.approx(3 * 2 * three.total_seconds / 3600)
    assert {"cards": 3, "hosts": 1, "link": "nvlink"}.items() <= three.as_json().items()
