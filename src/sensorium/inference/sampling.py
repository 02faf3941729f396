"""What the sampler chain of one reply consists of, in order. Pure: knows neither llama.cpp nor logits."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple

from sensorium.errors import BadInput
from sensorium.request import Sampling

MAX_GRAMMAR_BYTES = 65536
# llama.cpp parses groups by recursion, so a grammar nested too deeply would end the process.
MAX_GRAMMAR_DEPTH = 64

StepName = Literal["penalties", "top_k", "top_p", "min_p", "temperature", "draw", "greedy"]


class Step(NamedTuple):
    """One link of the chain and its arguments."""

    name: StepName
    numbers: tuple[float, ...] = ()


def just(tokens: Iterable[int]) -> Sampling:
    """For a reply of these tokens and no others. (A grammar of letters would leave it to the mind to spell a
    word that it has a token for.)"""
    return Sampling(grammar="root ::= " + " ".join(f"<[{token}]>" for token in tokens))


def chain(sampling: Sampling) -> list[Step]:
    """The links in llama.cpp's own order; the last one picks the token. The grammar stands before them all.

    Raises BadInput when a number is out of range.
    """
    check(sampling)
    steps = []
    if sampling.repeat_penalty != 1.0 and sampling.repeat_last_n > 0:
        steps.append(Step("penalties", (sampling.repeat_last_n, sampling.repeat_penalty)))
    if sampling.temperature == 0.0:
        return [*steps, Step("greedy")]
    if sampling.top_k > 0:
        steps.append(Step("top_k", (sampling.top_k,)))
    if sampling.top_p < 1.0:
        steps.append(Step("top_p", (sampling.top_p,)))
    if sampling.min_p > 0.0:
        steps.append(Step("min_p", (sampling.min_p,)))
    return [*steps, Step("temperature", (sampling.temperature,)), Step("draw", (sampling.seed,))]


def check(sampling: Sampling) -> None:
    """Raises BadInput naming the first number that is out of range."""
    _within("temperature", sampling.temperature, 0.0, 10.0)
    _within("top_k", sampling.top_k, 0, 1_000_000)
    _within("top_p", sampling.top_p, 0.0, 1.0)
    _within("min_p", sampling.min_p, 0.0, 1.0)
    _within("repeat_penalty", sampling.repeat_penalty, 0.01, 10.0)
    _within("repeat_last_n", sampling.repeat_last_n, 0, 65536)
    _within("seed", sampling.seed, 0, 2**32 - 1)
    if len(sampling.grammar.encode(errors="replace")) > MAX_GRAMMAR_BYTES:
        raise BadInput(f"the grammar is longer than {MAX_GRAMMAR_BYTES} bytes")
    if _depth(sampling.grammar) > MAX_GRAMMAR_DEPTH:
        raise BadInput(f"the grammar nests more than {MAX_GRAMMAR_DEPTH} groups")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not math.isfinite(value) or not low <= value <= high:
        raise BadInput(f"{name} is {value}", remedy=f"choose {low} to {high}")


def _depth(grammar: str) -> int:
    """An upper bound: brackets inside quotes count too."""
    depth = deepest = 0
    for letter in grammar:
        depth = depth + 1 if letter == "(" else max(0, depth - 1) if letter == ")" else depth
        deepest = max(deepest, depth)
    return deepest
