"""What a person is heard to say while they say it, told as it comes. Knows nothing of who will answer."""

from __future__ import annotations

from sensorium.front.happenings import Tell
from sensorium.wire.events import Hearing, Listening
from sensorium.wire.records import EarClosed, SpeechPaused, SpeechResumed, SpeechStarted

_SAMPLES_PER_MS = 16


class Captions:
    """Of one microphone; tells only what has changed."""

    def __init__(self, person_id: str, tell: Tell) -> None:
        self._person_id = person_id
        self._tell = tell
        self._speaking = False
        self._shown = ""

    def heard(self, event: object) -> None:
        """What the ear says, of which only the begin and end of speech count here."""
        match event:
            case SpeechStarted(at_sample=at) | SpeechResumed(at_sample=at):
                self._spoke(True, at)
            case SpeechPaused(at_sample=at):
                self._spoke(False, at)
            case EarClosed():
                self._speaking = False

    def so_far(self, text: str) -> None:
        """All that was said of what is being said; "": it was nothing."""
        if text != self._shown:
            self._shown = text
            self._tell(Hearing(self._person_id, text))

    def over(self, text: str) -> None:
        """It was said; as a message it will be told in its own time."""
        if text:
            self._shown = ""
        else:
            self.so_far("")

    def _spoke(self, speaking: bool, at_sample: int) -> None:
        if speaking != self._speaking:
            self._speaking = speaking
            self._tell(Listening(self._person_id, speaking, at_sample // _SAMPLES_PER_MS))
