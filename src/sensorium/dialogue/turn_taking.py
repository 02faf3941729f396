"""Reply, wait or interrupt: a state machine over what the ear reports and what the mouth is doing.

Pure: time is an argument, so a recorded log replays to the same decisions. Knows nothing of personas; who
replies is the floor's business.
"""

from __future__ import annotations

from typing import NamedTuple

from sensorium.dialogue.endpointing import Endpointing
from sensorium.dialogue.names import words_of
from sensorium.wire.records import EarClosed, SpeechPaused, SpeechResumed, SpeechStarted, Words

# Said while somebody else speaks, these mean "go on", not "stop".
BACKCHANNEL = frozenset(
    words_of("""
    ah aha hm hmm mhm mm mmhm oh ok okay right sure uh uhhuh um wow yeah yep yes huh i see good nice
    """)
)
_MAX_BACKCHANNEL_WORDS = 3


class ReplyStarted(NamedTuple):
    """The first sound of a reply goes out."""

    turn_id: int


class ReplyEnded(NamedTuple):
    turn_id: int


class Tick(NamedTuple):
    """Time has passed; nothing else happened."""


Event = SpeechStarted | Words | SpeechPaused | SpeechResumed | EarClosed | ReplyStarted | ReplyEnded | Tick


class Reply(NamedTuple):
    """The person's turn is over. `text` is all that was said, "" when nothing was understood.

    `until_sample` is where the last speech lies, at 16 kHz from the stream's start.
    """

    text: str
    until_sample: int


class Wait(NamedTuple):
    """Nothing to do yet. `until_s`: a `Tick` is wanted then; None: the next event will do."""

    until_s: float | None = None


class Interrupt(NamedTuple):
    """A person speaks over this turn and means it: stop the reply, keep listening."""

    turn_id: int


Decision = Reply | Wait | Interrupt


class TurnTaker:
    """Listens to one stream. With `endpointing` None only the stream's end is the end (push to talk)."""

    def __init__(self, endpointing: Endpointing | None = None) -> None:
        self._endpointing = endpointing
        self._replying_id = 0
        self._done: list[str] = []
        self._text = ""
        self._until_sample = 0
        self._paused_at_s: float | None = None
        self._p_end = 0.0

    def handle(self, event: Event, now_s: float) -> Decision:
        match event:
            case SpeechStarted():
                self._keep_utterance()
                self._paused_at_s = None
            case SpeechResumed():
                self._paused_at_s = None
            case Words(text=text, until_sample=until):
                self._text = text.strip()
                self._until_sample = max(self._until_sample, until)
                return self._interrupt_or_wait()
            case SpeechPaused(silence_ms=silence, p_end=p_end):
                self._paused_at_s = now_s - silence / 1000.0
                self._p_end = p_end
                return self._end_or_wait(now_s)
            case EarClosed():
                return self._reply()
            case ReplyStarted(turn_id=turn_id):
                self._replying_id = turn_id
            case ReplyEnded(turn_id=turn_id):
                if turn_id == self._replying_id:
                    self._replying_id = 0
            case Tick():
                return self._end_or_wait(now_s)
        return Wait(self._due_s())

    def _interrupt_or_wait(self) -> Decision:
        if self._replying_id and self._text and not is_backchannel(self._text):
            turn_id, self._replying_id = self._replying_id, 0
            return Interrupt(turn_id)
        return Wait(self._due_s())

    def _end_or_wait(self, now_s: float) -> Decision:
        due_s = self._due_s()
        if due_s is None or not (self._done or self._text):
            return Wait()
        if now_s + 1e-6 < due_s:
            return Wait(due_s)
        if self._replying_id:
            self._forget()
            return Wait()
        return self._reply()

    def _due_s(self) -> float | None:
        if self._endpointing is None or self._paused_at_s is None:
            return None
        return self._paused_at_s + self._endpointing.wait_ms(self._p_end) / 1000.0

    def _reply(self) -> Reply:
        self._keep_utterance()
        reply = Reply(" ".join(self._done), self._until_sample)
        self._forget()
        return reply

    def _keep_utterance(self) -> None:
        if self._text:
            self._done.append(self._text)
        self._text = ""

    def _forget(self) -> None:
        self._done.clear()
        self._text = ""
        self._paused_at_s = None


def is_backchannel(text: str) -> bool:
    """Is this only a listener's noise ("mm hm", "yeah okay"), not an attempt to take the turn?"""
    words = words_of(text)
    return 0 < len(words) <= _MAX_BACKCHANNEL_WORDS and all(word in BACKCHANNEL for word in words)
