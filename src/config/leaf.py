"""A setting's value with its place."""

from typing import NamedTuple


class Leaf(NamedTuple):
    """A value and where it was set: `configs/models/x.yaml:7` or `command line`."""

    value: object
    source: str
