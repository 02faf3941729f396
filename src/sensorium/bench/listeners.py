"""Many pages in one process, for `bench room`: they listen, and note when what they are told arrives.

Run as `python -m sensorium.bench.listeners URL COUNT SECONDS`; says on stdout when all have joined, and in
the end what each of them noted, as JSON. The first one asks.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import cycle
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from sensorium.wire import page
from sensorium.wire.events import Event, Message, Spoke, TurnBegan, TurnEnded, Writing

_QUESTIONS = ("{} what do you like", "{} what is your job", "{} where do you live")
_HEARD_EVERY_S = 0.1
_PAUSE_S = 0.5


class Notes(msgspec.Struct):
    """Of one page: when each thing arrived, by `key`, on the machine's monotonic clock; and pings in ms."""

    joined_s: float
    arrived_s: dict[str, float]
    pings_ms: list[float]


def key(record: Event | page.Audio) -> str:
    """What makes it the same thing at both ends; "" for what is not measured."""
    match record:
        case page.Audio(turn_id=turn_id, first_sample=first):
            return f"audio {turn_id} {first}"
        case Message(entry_id=entry_id):
            return f"event message {entry_id}"
        case Writing(turn_id=turn_id, text=text):
            return f"event writing {turn_id} {len(text)}"
        case Spoke(turn_id=turn_id, until_sample=until):
            return f"event spoke {turn_id} {until}"
        case TurnBegan(turn_id=turn_id) | TurnEnded(turn_id=turn_id):
            return f"event {type(record).__name__} {turn_id}"
    return ""


class Listener:
    """One page."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._decoder = page.Decoder(page.ToPage)
        self._heard = (0, 0)
        self._ended = asyncio.Event()
        self.notes = Notes(0.0, {}, [])
        self.personas: tuple[page.PersonaCard, ...] = ()

    async def join(self, name: str) -> None:
        await self._socket.send(page.encode(page.Join(name, page.PROTOCOL)))
        async for record in self._records():
            if isinstance(record, page.Welcome):
                self.notes.joined_s = time.monotonic()
                self.personas = record.personas
                return

    async def listen(self) -> None:
        async for record in self._records():
            now_s = time.monotonic()
            if isinstance(record, page.Pong):
                self.notes.pings_ms.append(now_s * 1000.0 - record.at_ms)
            elif known := key(record):
                self.notes.arrived_s.setdefault(known, now_s)
            if isinstance(record, TurnEnded):
                self._ended.set()

    async def report(self) -> None:
        """As a page does: what was heard, ten times a second; a ping once a second."""
        for number in cycle(range(10)):
            await asyncio.sleep(_HEARD_EVERY_S)
            if self._heard[0]:
                await self._socket.send(page.encode(page.Heard(*self._heard)))
            if number == 0:
                await self._socket.send(page.encode(page.Ping(time.monotonic() * 1000.0)))

    async def ask(self) -> None:
        """One question after the other, of every persona in turn."""
        names = [persona.name for persona in self.personas]
        for number in cycle(range(len(names) * len(_QUESTIONS))):
            self._ended.clear()
            question = _QUESTIONS[number % len(_QUESTIONS)].format(names[number % len(names)].lower())
            await self._socket.send(page.encode(page.Say(question)))
            await self._ended.wait()
            await asyncio.sleep(_PAUSE_S)

    async def _records(self) -> AsyncIterator[Any]:
        async for message in self._socket:
            assert isinstance(message, bytes)
            record, payload = self._decoder.decode(message)
            if isinstance(record, page.Audio):
                self._heard = (record.turn_id, record.first_sample + len(payload) // 2)
            yield record


async def run(url: str, count: int, seconds: float) -> list[Notes]:
    async with AsyncExitStack() as stack:
        listeners: list[Listener] = []
        tasks: list[asyncio.Task[None]] = []
        for number in range(count):
            opening = connect(
                f"{url.replace('http', 'ws', 1)}room",
                subprotocols=[Subprotocol(page.SUBPROTOCOL)],
                compression=None,
                proxy=None,
            )
            listener = Listener(await stack.enter_async_context(opening))
            await listener.join(f"Listener {chr(65 + number // 26)}{chr(65 + number % 26)}")
            listeners.append(listener)
            tasks.append(asyncio.create_task(listener.listen()))
        sys.stdout.write("joined\n")
        sys.stdout.flush()
        tasks += [asyncio.create_task(one.report()) for one in listeners]
        tasks.append(asyncio.create_task(listeners[0].ask()))
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in done:
            task.result()
        return [listener.notes for listener in listeners]


if __name__ == "__main__":
    from sensorium.cli.running import run_async

    noted = run_async(run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
    sys.stdout.write(msgspec.json.encode(noted).decode() + "\n")
