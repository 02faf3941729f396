"""Embedding rows beside a prompt: their number, their bytes and their hashes agree, or they are refused."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.inference.engine import rows_part, some_rows

from sensorium.errors import BadInput
from sensorium.inference.rows import read_rows
from sensorium.request import Block, Part, Prompt, Scope, Tier

WIDTH = 8
FIRST, SECOND = some_rows(3, 1), some_rows(2, 2)
PAYLOAD = FIRST.tobytes() + SECOND.tobytes()


def prompt(*parts: Part) -> Prompt:
    return Prompt("maya", (Block(Tier.VOLATILE, Scope.SHARED, "newest", parts),))


BOTH = prompt(Part("look"), rows_part(FIRST), Part("and"), rows_part(SECOND))


def test_rows_of_all_parts_come_in_order() -> None:
    rows = read_rows(BOTH, PAYLOAD, WIDTH)
    assert rows is not None and rows.dtype == np.float32
    assert np.array_equal(rows, np.concatenate([FIRST, SECOND]))


def test_a_prompt_without_rows_has_none() -> None:
    assert read_rows(prompt(Part("hello")), b"", WIDTH) is None


@pytest.mark.parametrize(
    ("asked", "payload", "width"),
    [
        (BOTH, b"", WIDTH),
        (BOTH, PAYLOAD[:-4], WIDTH),
        (BOTH, PAYLOAD + b"\0\0\0\0", WIDTH),
        (BOTH, PAYLOAD, WIDTH - 1),
        (BOTH, SECOND.tobytes() + FIRST.tobytes(), WIDTH),  # the other way round
        (BOTH, bytes([PAYLOAD[0] ^ 1]) + PAYLOAD[1:], WIDTH),  # one bit
        (prompt(Part("hello")), PAYLOAD, WIDTH),
        (prompt(Part("", rows=-1)), b"", WIDTH),
        (prompt(Part("", rows=-1), Part("", rows=1)), b"", WIDTH),
        (prompt(Part("", rows=1 << 60)), b"", WIDTH),
        (prompt(Part("not a hash", rows=3)), FIRST.tobytes(), WIDTH),
    ],
)
def test_what_does_not_agree_is_refused(asked: Prompt, payload: bytes, width: int) -> None:
    with pytest.raises(BadInput) as e:
        read_rows(asked, payload, width)
    assert "\n" not in e.value.one_line()


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused_though_its_hash_is_right(number: float) -> None:
    rows = FIRST.copy()
    rows[1, 2] = number
    with pytest.raises(BadInput, match="finite"):
        read_rows(prompt(rows_part(rows)), rows.tobytes(), WIDTH)
