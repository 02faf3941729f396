"""A persona's reply on its way to a Realtime client: the room's loudspeaker, in the client's format.

The client has sound as soon as there is some and plays it itself; how much of a cut-off reply was heard is
its word (`conversation.item.truncate`), if that comes soon. Knows nothing of events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sensorium.front.audience import Listener
from sensorium.front.publisher import Publisher
from sensorium.front.realtime.sound import RATE_HZ, Format, Resampler, from_pcm

# What a client says later about a reply that it was told to stop is no use: the history is written.
REPORT_S = 0.25


class Reports:
    """Does this client say what it played? One that was silent once is not waited for again until it does."""

    def __init__(self) -> None:
        self.expected = True
        self.came = asyncio.Event()


class Voice:
    """A `Publisher` for one turn. `take` is given sound in the client's format, `all_sent` is called once."""

    def __init__(
        self,
        led: Publisher,
        listener: Listener,
        audio_format: Format,
        reports: Reports,
        take: Callable[[bytes], None],
        all_sent: Callable[[], None],
    ) -> None:
        self._led = led
        self._listener = listener
        self._format = audio_format
        self._reports = reports
        self._take = take
        self._all_sent = all_sent
        self._resampler: Resampler | None = None
        self._rate_hz = 0
        self._turn_id = 0
        self._cleared = False
        self.heard_samples = led.heard_samples
        self.hold = led.hold
        self.resume = led.resume

    async def send_audio(self, turn_id: int, pcm: bytes, sample_rate_hz: int) -> None:
        if self._resampler is None:
            self._resampler = Resampler(sample_rate_hz, RATE_HZ[self._format])
            self._rate_hz, self._turn_id = sample_rate_hz, turn_id
        if not self._cleared:
            self._take(from_pcm(self._resampler.feed(pcm), self._format))
        await self._led.send_audio(turn_id, pcm, sample_rate_hz)

    async def played(self, turn_id: int) -> None:
        if not self._cleared:
            if self._resampler is not None:
                self._take(from_pcm(self._resampler.flush(), self._format))
            self._all_sent()
        await self._led.played(turn_id)

    async def clear(self, turn_id: int) -> None:
        self._cleared = True
        await self._led.clear(turn_id)
        if self._resampler is None or not self._reports.expected:
            return
        try:
            async with asyncio.timeout(REPORT_S):
                await self._reports.came.wait()
        except TimeoutError:
            self._reports.expected = False

    def ms_of(self, samples: int) -> float:
        """How long so many samples of the reply are, once it sounds."""
        return 1000.0 * samples / self._rate_hz if self._rate_hz else 0.0

    def heard_until(self, ms: int) -> None:
        """So much was played."""
        self._listener.heard(self._turn_id, ms * self._rate_hz // 1000)
        self._reports.expected = True
        self._reports.came.set()
