"""How long collecting garbage stops the front within turns: as Python does it by itself, and as we do.

    python -m sensorium.bench.pauses --turns 400

A real conversation of the front (store, room, prompts, links, sockets) with a fake model at the other end.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from sensorium import garbage
from sensorium.bundles import catalogue
from sensorium.cli.running import run_async
from sensorium.clock import SystemClock
from sensorium.dialogue.turn import Turns
from sensorium.front.adapters import AdapterTable
from sensorium.front.conversation import Conversation, Parts
from sensorium.front.fake import FakeLlm, connected
from sensorium.front.links import LlmLink
from sensorium.front.reply import Speaker
from sensorium.front.room import RoomState
from sensorium.metrics import Counters
from sensorium.prompting import format as prompt_formats
from sensorium.prompting.cache import CompositionCache
from sensorium.store.people import Person
from sensorium.store.store import Store
from sensorium.trace import Trace
from sensorium.voices.library import Library

_QUESTIONS = ("maya what do you like", "hugo hello", "ada what is two plus three", "felix what is your job")
# How often a conversation pauses for long enough to tidy up.
_PAUSE_EVERY = 10


async def measure(turns: int, *, ours: bool) -> dict[str, Any]:
    """Distributions in ms: collections inside turns, and between them."""
    in_turns, between = garbage.Pauses(), garbage.Pauses()
    async with AsyncExitStack() as stack:
        conversation = await stack.enter_async_context(_conversation())
        if ours:
            stack.enter_context(garbage.put_off())
        for i in range(turns):
            with in_turns.measuring():
                await conversation.text_turn(_QUESTIONS[i % len(_QUESTIONS)], Person(id="sam", name="Sam"))
            if ours and i % _PAUSE_EVERY == 0:
                with between.measuring():
                    garbage.collect_if_due()
    return {"in_turns": _rounded(in_turns), "between_turns": _rounded(between)}


@asynccontextmanager
async def _conversation() -> AsyncIterator[Conversation]:
    clock, counters, turns = SystemClock(), Counters(), Turns()
    llm, compositions, trace = LlmLink(counters), CompositionCache(clock), Trace("front", clock)
    written = prompt_formats.from_bundle(catalogue.find("nano").prompt)
    with tempfile.TemporaryDirectory(prefix="sensorium-bench-") as home:
        with Store.open(Path(home) / "house.db") as store:
            async with connected(llm, FakeLlm(lambda prompt: [" i", " like", " apples"] * 5)):
                room = await RoomState.open(store, "living-room", clock, max_chars=3_000)
                speaker = Speaker(
                    room=room, llm=llm, speech=None, native=False, show=str, turns=turns, clock=clock,
                    adapters=AdapterTable(llm, counters, Library(Path(home))), trace=trace, counters=counters,
                    context_tokens=100_000,
                )  # fmt: skip
                yield Conversation(
                    Parts(
                        store=store, room=room, ears=None, vision=None, speaker=speaker, settler=None,
                        compose=lambda view: compositions.compose(view, written), turns=turns,
                        clock=clock, trace=trace, counters=counters,
                    )
                )  # fmt: skip


def _rounded(pauses: garbage.Pauses) -> dict[str, dict[str, float]]:
    return {
        kind: {name: round(value, 3) for name, value in found.items()}
        for kind, found in pauses.summary().items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sensorium.bench.pauses")
    parser.add_argument("--turns", type=int, default=400)
    turns = parser.parse_args().turns
    found = {name: run_async(measure(turns, ours=ours)) for name, ours in (("python", False), ("ours", True))}
    for name, ways in found.items():
        for when, kinds in ways.items():
            for kind, ms in kinds.items():
                print(f"{name:8} {when:14} {kind:12}", "  ".join(f"{k} {v:g}" for k, v in ms.items()))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
