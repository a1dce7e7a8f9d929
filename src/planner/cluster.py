"""Several cards that share a run's steps: how they are joined, and what adding up their gradients takes."""

import math
from dataclasses import dataclass

from ..errors import YoyakError
from .job import Shards

MOST_CARDS = 1024


@dataclass(frozen=True)
class Link:
    """What joins cards of a host, or hosts.

    Attributes:
        name: as people write it.
        bytes_a_second: that an all-reduce of some megabytes reaches in each direction (NCCL's bus bandwidth).
        latency: seconds of each of the passes that cards make one after the other.
        source: where the figures are from.
    """

    name: str
    bytes_a_second: float
    latency: float
    source: str


LINKS = (
    Link("nvlink", 278e9, 5e-6, "two H200: 24.3 million float32 in 0.36 ms"),
    Link("pcie5", 38e9, 10e-6, "0.6 of 63 GB/s, an estimate"),
    Link("pcie4", 19e9, 10e-6, "0.6 of 31.5 GB/s, an estimate"),
    Link("pcie3", 9.5e9, 10e-6, "0.6 of 15.75 GB/s, an estimate"),
)
NETWORKS = (
    Link("ethernet400", 40e9, 20e-6, "0.8 of 50 GB/s, an estimate; InfiniBand NDR too"),
    Link("ethernet100", 10e9, 30e-6, "0.8 of 12.5 GB/s, an estimate"),
    Link("ethernet25", 2.5e9, 40e-6, "0.8 of 3.125 GB/s, an estimate"),
    Link("ethernet10", 1e9, 50e-6, "0.8 of 1.25 GB/s, an estimate"),
)
_JOINED_BY_NVLINK = ("A100", "H100", "H200")


@dataclass(frozen=True)
class Cluster:
    """So many cards in each of so many hosts.

    Attributes:
        cards: of a host.
        hosts: their number.
        link: between the cards of a host.
        network: between hosts.
    """

    cards: int = 1
    hosts: int = 1
    link: Link = LINKS[0]
    network: Link = NETWORKS[1]

    @property
    def count(self) -> int:
        """Return the number of all cards."""
        return self.cards * self.hosts

    def as_json(self) -> dict[str, object]:
        """Return what plans of several cards say of them; of one card nothing."""
        if self.count == 1:
            return {}
        network = {"network": self.network.name} if self.hosts > 1 else {}
        return {"cards": self.cards, "hosts": self.hosts, "link": self.link.name} | network

    @property
    def slowest(self) -> Link:
        """Return the link that decides what all cards can pass on to each other."""
        return self.link if self.hosts == 1 else min(self.network, self.link, key=lambda one: one.bytes_a_second)

    @property
    def passes_seconds(self) -> float:
        """Return the seconds of the passes from all cards to one: a tree's depth."""
        within, between = math.ceil(math.log2(self.cards)), math.ceil(math.log2(self.hosts))
        return within * self.link.latency + between * self.network.latency

    def shards(self) -> Shards:
        """Return how weights are cut over all cards."""
        return Shards(self.count, self.slowest.bytes_a_second, self.passes_seconds)

    def all_reduce_seconds(self, size: int) -> float:
        """Return the seconds in which all cards add up so many bytes.

        Each card sends and receives 2 (n - 1) / n of them, at the rate of the slowest link (a ring's time, to which
        NCCL's other ways come close at these sizes), after log2(n) passes there and back (a tree's depth).
        """
        if self.count == 1:
            return 0.0
        return 2 * (self.count - 1) / self.count * size / self.slowest.bytes_a_second + 2 * self.passes_seconds


ONE_CARD = Cluster()


def chosen_cluster(cards: int, hosts: int, link: str | None, network: str | None, card_name: str) -> Cluster:
    """Return the cluster that is asked for; by default cards are joined as such cards are sold.

    Raises:
        YoyakError: an unknown link, or more cards than the model of links has been thought through for.
    """
    if cards * hosts > MOST_CARDS:
        raise YoyakError(f"--cards {cards} --hosts {hosts}: at most {MOST_CARDS} cards in all are planned for")
    has_nvlink = card_name.startswith(_JOINED_BY_NVLINK) and not card_name.endswith("PCIe")
    usual = "nvlink" if has_nvlink else "pcie4"
    between_cards = _find("--link", link or usual, LINKS)
    return Cluster(cards, hosts, between_cards, _find("--network", network or "ethernet100", NETWORKS))


def _find(option: str, name: str, known: tuple[Link, ...]) -> Link:
    for link in known:
        if link.name == name.lower():
            return link
    raise YoyakError(f"{option} {name}: no such link here; {', '.join(link.name for link in known)} are known")
