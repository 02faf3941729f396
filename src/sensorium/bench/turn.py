"""`bench turn`: from the last sample that a person speaks to the first of the answer, and where time goes.

Recorded questions at the speed of speech through an open microphone, with the model reading along and
without, in one run. All is real but the loudspeaker, which exists as time alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sensorium.bench import furnished
from sensorium.bench.microphone import Microphone, Spoken
from sensorium.bench.provenance import commit, machine
from sensorium.bench.room import heard_report, questions
from sensorium.errors import BadInput
from sensorium.front.background import beside
from sensorium.front.player import Player
from sensorium.front.report import TurnReport
from sensorium.metrics import rounded, summarize

Progress = Callable[[int, int, str], None]
PARTS = ("endpoint", "compose", "prefill", "first_token", "first_chunk")
_ANSWER_S = 20.0
FEWEST = 6


class Turn(NamedTuple):
    report: TurnReport
    spoken: Spoken
    first_sound_s: float

    @property
    def voice_to_voice_ms(self) -> float:
        return (self.first_sound_s - self.spoken.last_s) * 1000.0


def run(num_turns: int, num_personas: int, progress: Progress) -> dict[str, Any]:
    """Raises BadInput, and what the house raises."""
    from sensorium.cli.running import run_async

    if num_turns < 1:
        raise BadInput(f"--turns is at least 1, not {num_turns}")
    if num_personas < FEWEST:
        raise BadInput("the recorded questions are for the room of six", remedy=f"--personas {FEWEST} to 14")
    return run_async(_run(num_turns, num_personas, progress))


async def _run(num_turns: int, num_personas: int, progress: Progress) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, read_along in (("reading_along", True), ("without", False)):
        turns, missed, underruns = await _turns(num_turns, num_personas, read_along, progress, name)
        found[name] = summary(turns) | {"unanswered": missed, "underruns": underruns}
    settings = {"turns": num_turns, "personas": num_personas, "bundle": "nano"}
    return {
        **found.pop("reading_along"),
        **found,
        "commit": commit(),
        "machine": machine(),
        "settings": settings,
    }


async def _turns(
    num_turns: int, num_personas: int, read_along: bool, progress: Progress, name: str
) -> tuple[list[Turn], int, int]:
    turns: list[Turn] = []
    missed = 0
    async with furnished.house(num_personas, read_along=read_along) as house:
        player, microphone = Player(house.clock), Microphone(house.clock)
        reports: asyncio.Queue[TurnReport] = asyncio.Queue()
        async with beside(house.converse(microphone.sound(), 16_000, player, told=reports.put_nowait)):
            await asyncio.sleep(0.5)
            for number, asked in enumerate(questions(num_turns, num_personas)):
                progress(number, num_turns, f"{name}: {asked.words}")
                spoken = await microphone.say(asked.samples)
                try:
                    async with asyncio.timeout(_ANSWER_S):
                        report = await heard_report(reports)
                except TimeoutError:
                    missed += 1
                    continue
                if (
                    first_s := player.first_sound_s.get(report.turn_id)
                ) is None or report.persona != asked.persona:
                    missed += 1
                else:
                    turns.append(Turn(report, spoken, first_s))
                await house.settled()
                await asyncio.sleep(0.3)
            microphone.close()
    return turns, missed, player.underruns


def summary(turns: Sequence[Turn]) -> dict[str, Any]:
    """Milliseconds; `prefill_tokens_after_endpoint` are what the engine still had to read when the turn was
    decided."""
    parts = [parts_ms(turn) for turn in turns]
    return {
        "voice_to_voice_ms": rounded(summarize(turn.voice_to_voice_ms for turn in turns)),
        "parts_ms": {name: rounded(summarize(part[name] for part in parts)) for name in PARTS},
        "prefill_tokens_after_endpoint": rounded(
            summarize(float(turn.report.processed_tokens) for turn in turns)
        ),
        "processed_tokens_max": max(
            (turn.report.processed_tokens + turn.report.settled_tokens for turn in turns), default=0
        ),
    }


def parts_ms(turn: Turn) -> dict[str, float]:
    """From the last sample to the decision; then to the request; reading; the first token's sampling and its
    way to the front; and until sound leaves. They add up to all."""
    by_name = {f"{s.process}.{s.name}": s for s in turn.report.stages}
    decided_s = by_name["front.listen"].end_s
    asked = by_name["front.first_words"]
    prefill_ms = by_name["llm.llm.prefill"].ms + by_name["llm.llm.wait"].ms
    return {
        "endpoint": (decided_s - turn.spoken.last_s) * 1000.0,
        "compose": (asked.start_s - decided_s) * 1000.0,
        "prefill": prefill_ms,
        "first_token": asked.ms - prefill_ms,
        "first_chunk": (turn.first_sound_s - asked.end_s) * 1000.0,
    }
