"""Where a reply's sound goes, and how much of it was heard. Knows nothing of turns, models or words."""

from __future__ import annotations

from typing import Protocol


class Publisher(Protocol):
    async def send_audio(self, turn_id: int, pcm: bytes, sample_rate_hz: int) -> None:
        """Mono s16le, the next piece of this turn's reply. Waits while the other side cannot take more."""
        ...

    async def played(self, turn_id: int) -> None:
        """All of the reply was sent; returns when the rest of it was heard."""
        ...

    def heard_samples(self, turn_id: int) -> int:
        """How many samples of the turn were really played: what an interrupted reply is cut to."""
        ...

    async def hold(self, turn_id: int) -> None:
        """Silence at once; what was not played yet is kept."""
        ...

    async def resume(self, turn_id: int) -> None:
        """Goes on where `hold` stopped it."""
        ...

    async def clear(self, turn_id: int) -> None:
        """Silence at once; what was not played yet is forgotten, what still comes of the turn is dropped."""
        ...


class Recording:
    """Keeps everything, and counts all of it as heard."""

    def __init__(self) -> None:
        self.pcm = bytearray()
        self.sample_rate_hz = 0

    async def send_audio(self, turn_id: int, pcm: bytes, sample_rate_hz: int) -> None:
        self.pcm += pcm
        self.sample_rate_hz = sample_rate_hz

    async def played(self, turn_id: int) -> None:
        pass

    def heard_samples(self, turn_id: int) -> int:
        return len(self.pcm) // 2

    async def hold(self, turn_id: int) -> None:
        pass

    async def resume(self, turn_id: int) -> None:
        pass

    async def clear(self, turn_id: int) -> None:
        pass
