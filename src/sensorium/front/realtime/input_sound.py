"""What a Realtime client's sound becomes: an ear while there is some, then an item with the words of it.

Pure. Knows nothing of responses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sensorium.front.realtime import server_events as to_client
from sensorium.front.realtime.client_events import Refused, decoded
from sensorium.front.realtime.items import Item, Items, new_id
from sensorium.front.realtime.outgoing import Outgoing
from sensorium.front.realtime.settings import Settings
from sensorium.front.realtime.sound import BYTES_PER_SAMPLE, RATE_HZ, to_pcm
from sensorium.front.realtime.wishes import CloseEar, DropEar, Feed, OpenEar

# Less sound than this is no message.
MIN_COMMIT_MS = 100.0


class InputSound:
    """The client's input audio buffer; `settings` are the session's, as they stand. Times are ms of all sound
    that the client ever sent."""

    def __init__(self, items: Items, settings: Callable[[], Settings], out: Outgoing) -> None:
        self._items = items
        self._settings = settings
        self._out = out
        self._ear_is_open = False
        self._all_ms = 0.0
        self._ear_opened_ms = 0.0
        self._uncommitted_ms = 0.0
        self._speech_item_id = ""  # of who is speaking now

    def append(self, audio: str) -> None:
        """Raises Refused for what is no base64, or ends inside a sample."""
        data, settings = decoded(audio, "audio"), self._settings()
        audio_format = settings.input_format
        if len(data) % BYTES_PER_SAMPLE[audio_format]:
            raise Refused("the sound does not end with a whole sample", param="audio")
        if not data:
            return
        if not self._ear_is_open:
            self._ear_is_open, self._ear_opened_ms = True, self._all_ms
            self._out.do(OpenEar(RATE_HZ[audio_format], settings.turn_detection))
        pcm = to_pcm(data, audio_format)
        duration_ms = len(pcm) * 500.0 / RATE_HZ[audio_format]
        self._all_ms += duration_ms
        self._uncommitted_ms += duration_ms
        self._out.do(Feed(pcm))

    def commit(self) -> None:
        """The sound so far is an item, whose words are still to come. Raises Refused for too little of it."""
        if self._uncommitted_ms < MIN_COMMIT_MS:
            raise Refused(
                f"the buffer is too small: expected at least {MIN_COMMIT_MS:.0f} ms of audio, it has "
                f"{self._uncommitted_ms:.2f} ms",
                code="input_audio_buffer_commit_empty",
            )
        item = self._new_item(None)
        self._ear_is_open = False
        self._out.do(CloseEar(item.id))

    def drop(self) -> None:
        """The sound so far is nobody's."""
        if self._ear_is_open:
            self._out.do(DropEar())
        self.broke()

    def broke(self) -> None:
        """The ear is no more; the next sound opens another."""
        self._ear_is_open, self._uncommitted_ms, self._speech_item_id = False, 0.0, ""

    def speech_began(self, at_ms: float) -> None:
        """Since so many ms of the ear's stream."""
        if not self._speech_item_id:
            self._speech_item_id = new_id("item")
            start_ms = round(self._ear_opened_ms + at_ms)
            began = to_client.SpeechStarted(audio_start_ms=start_ms, item_id=self._speech_item_id)
            self._out.send(began)

    def speech_over(self, words: str, end_ms: float) -> Item:
        """After `speech_began`: these words were said, until `end_ms` of the ear's stream."""
        end = round(self._ear_opened_ms + end_ms)
        self._out.send(to_client.SpeechStopped(audio_end_ms=end, item_id=self._speech_item_id))
        item = self._new_item(words)
        self._transcribed(item, words)
        return item

    def understood(self, item: Item, words: str) -> None:
        """What a committed item's sound says; "" when no words were made out."""
        item.words = f"{item.written} {words}".strip()
        self._transcribed(item, words)

    def _new_item(self, words: str | None) -> Item:
        """A piece of sound as the user's message; `words` None: they are still to come."""
        part = {"type": "input_audio", "transcript": words}
        item_id, self._speech_item_id = self._speech_item_id or new_id("item"), ""
        item = Item(item_id, "message", role="user", parts=[part], words=words)
        item.duration_s, self._uncommitted_ms = self._uncommitted_ms / 1000.0, 0.0
        before = self._items.add(item)
        self._out.send(to_client.InputCommitted(previous_item_id=before, item_id=item.id))
        self._out.send(to_client.ItemAdded(previous_item_id=before, item=item.shown()))
        self._out.send(to_client.ItemDone(previous_item_id=before, item=item.shown()))
        return item

    def _transcribed(self, item: Item, words: str) -> None:
        index = next(i for i, part in enumerate(item.parts) if part["type"] == "input_audio")
        item.parts[index]["transcript"] = words
        if not self._settings().transcribes:
            return
        at: dict[str, Any] = {"item_id": item.id, "content_index": index}
        if words:
            self._out.send(to_client.TranscriptionDelta(delta=words, **at))
        usage = {"type": "duration", "seconds": round(item.duration_s, 3)}
        self._out.send(to_client.TranscriptionCompleted(transcript=words, usage=usage, **at))
