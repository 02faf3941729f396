"""`bench barge-in`: people interrupt, agree, cough and slam doors while a persona speaks.

An interruption must be silence at the loudspeaker soon after its first sample, and the transcript must end
where the sound did; anything else must let the reply go on to its end. All is real but the loudspeaker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from sensorium.bench import furnished
from sensorium.bench.microphone import Microphone, Samples, Spoken, cough, door, over_replies
from sensorium.bench.provenance import commit, machine
from sensorium.errors import BadInput
from sensorium.front.background import beside
from sensorium.front.house import House
from sensorium.front.player import Player
from sensorium.front.report import TurnReport
from sensorium.metrics import rounded, summarize

Progress = Callable[[int, int, str], None]
_ASKED = "{} say after me blue horse red garden green cheese white bread"
# After the reply's first sample.
_EARLIEST_S, _LATEST_S = 0.3, 1.0
_QUIET_S = 0.4
# So long an interruption may wait for a second opinion and its answer; then the next reply begins.
_ANSWERED_S = 8.0


class Kind(NamedTuple):
    name: str
    what: str
    samples: Samples


class Trial(NamedTuple):
    """`to_silence_ms` None: it never fell silent. `truncation_ms`: from where the sound stopped to where the
    transcript ends, without a sign; None of a reply that was not interrupted."""

    kind: str
    what: str
    interrupted: bool
    to_silence_ms: float | None
    truncation_ms: float | None
    held_ms: float
    heard: str = ""


def run(num_trials: int, num_personas: int, progress: Progress) -> dict[str, Any]:
    """Raises BadInput, and what the house raises."""
    from sensorium.cli.running import run_async

    if num_trials < 1:
        raise BadInput(f"--trials is at least 1, not {num_trials}")
    return run_async(_run(num_trials, num_personas, progress))


async def _run(num_trials: int, num_personas: int, progress: Progress) -> dict[str, Any]:
    draw = np.random.default_rng(7)
    trials: list[Trial] = []
    heard: list[str] = []
    answered = asyncio.Event()

    def told(report: TurnReport) -> None:
        heard.append(report.heard)
        answered.set()

    async with furnished.house(num_personas) as house:
        player, microphone = Player(house.clock), Microphone(house.clock)
        async with beside(house.converse(microphone.sound(), 16_000, player, told=told)):
            await asyncio.sleep(0.5)
            for number, kind in enumerate(kinds(num_trials, draw)):
                progress(number, num_trials, f"{kind.name}: {kind.what}")
                heard.clear()
                answered.clear()
                trial = await _trial(house, player, microphone, kind, draw.uniform(_EARLIEST_S, _LATEST_S))
                await _quiet(house, answered if trial.interrupted else None)
                trials.append(trial._replace(heard=" / ".join(heard)))
            microphone.close()
        counters = house.counters.snapshot()
    settings = {"trials": num_trials, "personas": num_personas, "bundle": "nano"}
    found = summary(trials) | {"underruns": player.underruns, "counters": counters}
    return {**found, "commit": commit(), "machine": machine(), "settings": settings}


def kinds(count: int, draw: np.random.Generator) -> list[Kind]:
    """Half interruptions, the rest a listener's words, coughs and doors by turns."""
    overs = over_replies()
    interruptions = [Kind(o.kind, o.words, s) for o, s in overs if o.kind == "interruption"]
    others = [Kind(o.kind, o.words, s) for o, s in overs if o.kind == "backchannel"]
    others += [Kind("noise", "a cough", cough(draw)), Kind("noise", "a door", door(draw))]
    found = []
    for i in range(count):
        among = others if i % 2 else interruptions
        found.append(among[i // 2 % len(among)])
    return found


async def _trial(house: House, player: Player, microphone: Microphone, kind: Kind, after_s: float) -> Trial:
    sam = house.room.person(house.config.person)
    name = house.room.personas[0].name
    player.begun.clear()
    asking = asyncio.create_task(house.conversation.text_turn(_ASKED.format(name), sam, publisher=player))
    beginning = asyncio.create_task(player.begun.wait())
    await asyncio.wait({beginning, asking}, return_when=asyncio.FIRST_COMPLETED)
    beginning.cancel()
    if asking.done():
        return Trial(kind.name, kind.what, False, None, None, 0.0)  # nothing was said: a miss
    turn_id = max(player.first_sound_s)
    await asyncio.sleep(after_s)
    num_silences = len(player.silences)
    spoken = await microphone.say(kind.samples)
    interrupted = False
    report: TurnReport | None = None
    try:
        report = await asking
    except asyncio.CancelledError:
        interrupted, report = True, house.conversation.last_report
    silences = [s for s in player.silences[num_silences:] if s.turn_id == turn_id]
    to_silence = (silences[0].fell_s - spoken.first_s) * 1000.0 if silences else None
    cut = None
    if interrupted and report is not None:
        cut = abs(report.heard_until_sample - player.last_heard_samples(turn_id)) / 16.0
    return Trial(kind.name, kind.what, interrupted, to_silence, cut, _held_ms(player, turn_id, spoken))


def _held_ms(player: Player, turn_id: int, spoken: Spoken) -> float:
    """How long a reply that went on was silent for nothing."""
    return sum(
        (end_s - start_s) * 1000.0
        for held_id, start_s, end_s in player.pauses
        if held_id == turn_id and end_s >= spoken.first_s
    )


async def _quiet(house: House, answered: asyncio.Event | None) -> None:
    """Until whatever the interruption asked for was `answered`: nobody types while they still speak."""
    if answered is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWERED_S):
                await answered.wait()
    await asyncio.sleep(_QUIET_S)
    await house.conversation.idle()
    await house.settled()
    await asyncio.sleep(_QUIET_S)


def summary(trials: Sequence[Trial]) -> dict[str, Any]:
    meant = [t for t in trials if t.kind == "interruption"]
    others = [t for t in trials if t.kind != "interruption"]
    silence = [t.to_silence_ms for t in meant if t.interrupted and t.to_silence_ms is not None]
    cuts = [t.truncation_ms for t in meant if t.truncation_ms is not None]
    by_what = {
        t.what: [x.interrupted for x in trials if x.what == t.what]
        for t in sorted(trials, key=lambda t: t.kind)
    }
    return {
        "to_silence_ms": rounded(summarize(silence)),
        "interruptions": len(meant),
        "missed": sum(not t.interrupted for t in meant),
        "others": len(others),
        "false_stops": sum(t.interrupted for t in others),
        "held_for_nothing_ms": rounded(summarize(t.held_ms for t in others)),
        "truncation_error_ms": rounded(summarize(cuts)),
        "heard_wrongly": [f"{t.what}: {t.heard or '-'}" for t in trials if t.interrupted != (t in meant)],
        "stopped_by": {what: f"{sum(marks)} of {len(marks)}" for what, marks in by_what.items()},
    }
