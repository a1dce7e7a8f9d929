import math
from typing import Any

import pytest

from src.reports import wording

MINUS = "\u2212"


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (1.9, 3, "1.900"),
        (-3.2, 2, f"{MINUS}3.20"),
        (12457, 0, "12,457"),
        (math.nan, 2, "NaN"),
        (-math.inf, 2, f"{MINUS}∞"),
    ],
)
def test_decimal(value: float, places: int, text: str) -> None:
    assert wording.decimal(value, places) == text


@pytest.mark.parametrize(
    ("before", "after", "text"), [(53.2, 85.64, "+32.44"), (50, 49.5, f"{MINUS}0.50"), (50, 50.001, "±0.00")]
)
def test_change(before: float, after: float, text: str) -> None:
    assert wording.change(before, after, 2) == text


@pytest.mark.parametrize(("value", "text"), [(0.6, "0.60"), (150.2, "150.2"), (4123.4, "4,123")])
def test_rate(value: float, text: str) -> None:
    assert wording.rate(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.0005, "0.0005"), (2e-5, "2e-5"), (1200.0, "1,200"), (220.5, "220.5")])
def test_short(value: float, text: str) -> None:
    assert wording.short(value) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(4100000000, "3.82 GiB"), (2**25, "32.0 MiB"), (2**30, "1.00 GiB"), (3000, "2.9 KiB"), (2**17, "0.1 MiB")],
)
def test_gibibytes(size_bytes: int, text: str) -> None:
    assert wording.gibibytes(size_bytes) == text


@pytest.mark.parametrize(
    ("parameters", "text"), [(4884480, "4.88 M"), (3212749824, "3.21 B"), (99999, "99,999"), (139400000, "139.40 M")]
)
def test_millions(parameters: int, text: str) -> None:
    assert wording.millions(parameters) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.34, "12.3 s"), (59.96, "1 min 0 s"), (250.3, "4 min 10 s"), (3599.7, "1 h 0 min"), (21900, "6 h 5 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("2026-11-24T12:00:00+00:00", "2026-11-24 12:00 UTC"),
        ("2026-11-24T21:00:00+09:00", "2026-11-24 21:00+09:00"),
        ("2026-11-24T12:00:00.25Z", "2026-11-24 12:00 UTC"),
        ("2026-11-24T12:00:00", "2026-11-24 12:00"),
        ("yesterday", "yesterday"),
    ],
)
def test_moment(written: str, text: str) -> None:
    assert wording.moment(written) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"), (True, "true"), (2e-5, "2e-5"), (3, "3"), ("adamw_torch", "adamw_torch"), ("", "''"),
        (["q_proj", "v_proj"], "[q_proj, v_proj]"), ({"a": "요"}, '{"a": "요"}'),
    ],
)  # fmt: skip
def test_setting(value: Any, text: str) -> None:
    assert wording.setting(value) == text
