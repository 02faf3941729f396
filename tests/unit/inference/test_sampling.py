from __future__ import annotations

import pytest

from sensorium.errors import BadInput
from sensorium.inference.sampling import Step, chain, just
from sensorium.request import Sampling


def test_temperature_zero_is_greedy_whatever_else_is_said() -> None:
    assert chain(Sampling()) == [Step("greedy")]
    assert chain(Sampling(top_k=5, top_p=0.5, min_p=0.1, seed=3)) == [Step("greedy")]


def test_a_reply_can_be_bound_to_its_tokens() -> None:
    assert just([7, 12]) == Sampling(grammar="root ::= <[7]> <[12]>")


def test_links_stand_in_llama_cpps_order_and_only_where_they_act() -> None:
    sampling = Sampling(temperature=0.8, top_k=40, top_p=0.9, min_p=0.05, repeat_penalty=1.1, seed=7)
    names = [step.name for step in chain(sampling)]
    assert names == ["penalties", "top_k", "top_p", "min_p", "temperature", "draw"]
    assert chain(Sampling(temperature=0.5)) == [Step("temperature", (0.5,)), Step("draw", (0,))]
    assert chain(Sampling(repeat_penalty=1.2)) == [Step("penalties", (64, 1.2)), Step("greedy")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", -0.1), ("temperature", float("inf")), ("top_k", -1), ("top_p", 1.01), ("min_p", -0.1),
        ("repeat_penalty", 0.0), ("repeat_last_n", -2), ("seed", 2**32), ("grammar", "x" * 70_000),
        ("grammar", "(" * 65),
    ],
)  # fmt: skip
def test_a_number_out_of_range_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(BadInput, match=field):
        chain(Sampling(**{field: value}))
