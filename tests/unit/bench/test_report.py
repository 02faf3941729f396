"""From samples to the object that `bench prefix --json` prints."""

from __future__ import annotations

import pytest

from sensorium.bench.our_worker import Reply
from sensorium.bench.prefix import Result, Setup, check, spread
from sensorium.bench.prompts import Load, Turn
from sensorium.bench.report import report
from sensorium.bench.variants import Sample, with_another_start
from sensorium.errors import BadInput
from sensorium.request import Block, Part, Prompt, Scope, Tier, Usage

EQUALITY = {"outputs_equal_cold": True, "max_logprob_difference": 0.01, "adapter_aba_equal_cold": True}
PROMPT = Prompt("a", (Block(Tier.INVARIANT, Scope.SHARED, "x", (Part(" baba lala mama"),)),))


def sample(number: int, processed: int, ttft_ms: float, *, first: bool = False, settled: int = 0) -> Sample:
    usage = Usage(prompt_tokens=1000, cached_tokens=1000 - processed, processed_tokens=processed)
    return Sample(Turn(number, "a", first, PROMPT, ()), Reply("so", usage, ttft_ms), settled, 2.0)


def results() -> list[Result]:
    ours = [sample(0, 900, 90, first=True), sample(1, 700, 80, first=True)]
    ours += [sample(2, 100, 10, settled=48), sample(3, 120, 12, settled=48), sample(4, 80, 8, settled=48)]
    server = [s._replace(reply=s.reply._replace(first_token_ms=s.reply.first_token_ms * 2)) for s in ours]
    cold = [sample(0, 1000, 300, first=True), sample(4, 1000, 400)]
    return [
        Result("ours", ours, 61.0),
        Result("llama_server_pinned", server, 62.0),
        Result("llama_server_default", server, 63.0),
        Result("cold", cold, 64.0),
    ]


def test_first_turns_and_later_ones_are_counted_apart() -> None:
    ours = report(Setup(Load(personas=2)), results(), EQUALITY)["ours"]

    assert ours["first_turn_processed_tokens"] == 1600
    assert ours["first_turn_processed_tokens_max"] == 900
    assert (ours["processed_tokens_median"], ours["processed_tokens_max"]) == (100, 120)
    assert (ours["ttft_ms_median"], ours["ttft_ms_p99"]) == (10, 12)
    assert ours["hit_rate"] == 0.9
    assert (ours["settled_tokens"], ours["settled_tokens_per_turn"]) == (144, 28.8)


def test_ratios_are_medians_of_later_turns() -> None:
    found = report(Setup(Load(personas=2)), results(), EQUALITY)

    assert found["speedup_vs_cold"] == 40.0
    assert found["ttft_pinned_over_ours"] == 2.0
    assert found["llama_server_pinned"]["replies_as_ours"] == 1.0


def test_cold_stands_for_all_first_turns_by_its_sample() -> None:
    cold = report(Setup(Load(personas=2)), results(), EQUALITY)["cold"]

    assert cold["first_turn_processed_tokens"] == 2000
    assert cold["num_turns"] == 2


def test_the_report_says_what_was_measured_and_where() -> None:
    found = report(Setup(Load(personas=2), server_slots=4), results(), EQUALITY)

    assert found["settings"]["server_slots"] == 4 and found["settings"]["prompt_tokens"] == 14_000
    assert found["machine"]["cores"] >= 1 and found["commit"]


@pytest.mark.parametrize(
    "load",
    [
        Load(personas=0),
        Load(turns=1),
        Load(shared_tokens=13_900),
        Load(prompt_tokens=-1),
        Load(prompt_tokens=10**9),
        Load(shared_tokens=0),
    ],
)
def test_a_load_that_cannot_be_is_refused(load: Load) -> None:
    with pytest.raises(BadInput):
        check(Setup(load))


def test_more_slots_than_any_server_has_are_refused() -> None:
    with pytest.raises(BadInput):
        check(Setup(server_slots=1000))


def test_cold_turns_are_spread_and_hold_a_first_and_a_later_one() -> None:
    assert spread(30, 3) == {0, 14, 29}
    assert spread(30, 0) == {0, 29}
    assert spread(4, 99) == {0, 1, 2, 3}


def test_another_start_changes_the_first_words_and_no_length() -> None:
    prompts = {with_another_start(PROMPT, number) for number in range(300)}
    lengths = {len(p.blocks[0].parts[0].text.split()) for p in prompts}

    assert len(prompts) == 300 and lengths == {3}
