"""Reply, wait, hold, resume or interrupt: a state machine over what the ear hears and what the mouth does.

Pure: time is an argument, so a recorded log replays to the same decisions. Knows nothing of personas; who
replies is the floor's business.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from sensorium.dialogue.endpointing import Endpointing
from sensorium.dialogue.names import words_of
from sensorium.wire.records import (
    UNCLEAR_BELOW,
    EarClosed,
    Reconsidered,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechSuspected,
    Unclear,
    Words,
)

# Said while somebody else speaks, these mean "go on", not "stop".
BACKCHANNEL = frozenset(
    words_of("""
    ah aha hm hmm mhm mm mmhm oh ok okay right sure uh uhhuh um wow yeah yep yes huh i see good nice great
    really very well how so it is that true
    """)
)
_MAX_BACKCHANNEL_WORDS = 3
# What was taken for speech is none when nothing followed for so long.
SUSPICION_S = 0.15
# A held reply goes on after this silence when nothing was said that interrupts; words take 180 ms to come.
RESUME_MS = 200
# A held reply is silent already: whether words interrupt it can wait until there are some.
CONSIDER_S = 0.6
# Who speaks on for so long without an understandable word wants to be heard all the same.
INSISTING_S = 1.2
# Who has finished waits no longer for somebody else's opinion of what they said.
PATIENCE_S = 3.0


class ReplyStarted(NamedTuple):
    """A reply is on its way; from now on it can be interrupted."""

    turn_id: int


class ReplyEnded(NamedTuple):
    turn_id: int


class Opinion(NamedTuple):
    """How likely the model thinks that the sentence is over after `text`, which is all that was said, and by
    persona id that each would answer it, where it was asked."""

    text: str
    p_end: float
    p_answers: tuple[tuple[str, float], ...] = ()


class Tick(NamedTuple):
    """Time has passed; nothing else happened."""


Event = (
    SpeechSuspected | SpeechStarted | Words | SpeechPaused | SpeechResumed | EarClosed
    | Unclear | Reconsidered | ReplyStarted | ReplyEnded | Opinion | Tick
)  # fmt: skip


class Reply(NamedTuple):
    """The person's turn is over. `text` is all that was said, "" when nothing was understood.

    `until_sample` is where the last speech lies, at 16 kHz from the stream's start.
    """

    text: str
    until_sample: int


class Wait(NamedTuple):
    """Nothing to do yet. `until_s`: a `Tick` is wanted then; None: the next event will do."""

    until_s: float | None = None


class Hold(NamedTuple):
    """Somebody may be interrupting this turn: be quiet at once, but be ready to go on."""

    turn_id: int
    until_s: float | None = None


class Resume(NamedTuple):
    """It was a cough, a door or a listener's "mm hm": the reply goes on where it stopped."""

    turn_id: int


class Interrupt(NamedTuple):
    """A person speaks over this turn and means it: stop the reply, keep listening."""

    turn_id: int


class _Asked(NamedTuple):
    """Of which of the turn's utterances a second opinion is awaited, and until when."""

    place: int
    until_s: float


Decision = Reply | Wait | Hold | Resume | Interrupt


class TurnTaker:
    """Listens to one stream. With `endpointing` None only the stream's end is the end (push to talk)."""

    def __init__(self, endpointing: Endpointing | None = None) -> None:
        self._endpointing = endpointing
        self._replying_id = 0
        self._held_since_s: float | None = None
        self._speaks = False  # somebody does, surely
        self._said_before = False  # what was said is no comment on the reply: it was said before it
        self._done: list[str] = []
        self._text = ""
        self._sure = True
        self._until_sample = 0
        self._asked: dict[int, _Asked] = {}
        self._paused_at_s: float | None = None
        self._p_end = 0.0
        self._opinion = Opinion("", 0.0)

    @property
    def text(self) -> str:
        """All that was said since the last reply."""
        return " ".join(text for text in (*self._done, self._text) if text)

    @property
    def replying(self) -> bool:
        return bool(self._replying_id)

    def awaits(self, utterance: int, now_s: float) -> bool:
        """Does a second opinion of it still count? What is said over a reply is what the ear itself heard."""
        asked = self._asked.get(utterance)
        return asked is not None and not self._over_reply and now_s <= asked.until_s

    def handle(self, event: Event, now_s: float) -> Decision:
        match event:
            case SpeechSuspected():
                return self._hold(now_s)
            case SpeechStarted():
                self._keep_utterance()
                self._paused_at_s, self._speaks = None, True
                return self._hold(now_s)
            case SpeechResumed():
                self._paused_at_s, self._speaks = None, True
                return self._hold(now_s)
            case Words(text=text, until_sample=until, confidence=confidence):
                self._text, self._sure = text.strip(), confidence >= UNCLEAR_BELOW
                self._until_sample = max(self._until_sample, until)
                if self._over_reply and self._held_since_s is None and self._means_it:
                    return self._interrupt()
            case Unclear(utterance=utterance, until_sample=until):
                patience_s = PATIENCE_S if self._endpointing is not None else math.inf
                self._asked[utterance] = _Asked(len(self._done), now_s + patience_s)
                self._until_sample = max(self._until_sample, until)
            case Reconsidered(utterance=utterance, text=text):
                if self.awaits(utterance, now_s) and text:
                    self._replace(self._asked[utterance].place, text)
                self._asked.pop(utterance, None)
            case SpeechPaused(silence_ms=silence, p_end=p_end):
                self._paused_at_s, self._speaks = now_s - silence / 1000.0, False
                self._p_end = p_end
            case EarClosed():
                return self._reply()
            case ReplyStarted(turn_id=turn_id):
                self._replying_id, self._held_since_s = turn_id, None
                # Somebody else was answered first.
                said = bool(self._asked) or (bool(self.text) and not is_backchannel(self.text))
                self._said_before = said and not self._speaks
                return self._hold(now_s) if self._speaks else Wait(self._due_s())
            case ReplyEnded(turn_id=turn_id):
                if turn_id == self._replying_id:
                    self._replying_id, self._held_since_s = 0, None
                    if not self._speaks and is_backchannel(self.text):
                        self._forget()
            case Opinion():
                self._opinion = event
        return self._decide(now_s)

    def _decide(self, now_s: float) -> Decision:
        """What time alone may bring about."""
        due_s = self._due_s()
        if due_s is None or now_s + 1e-6 < due_s:
            return Wait(due_s)
        if self._held_since_s is not None:
            wants_it = self._speaks or (self._means_it and not self._said_before)
            return self._interrupt() if wants_it else self._resume()
        if self._over_reply:
            self._forget()
            return Wait()
        return self._reply()

    def _due_s(self) -> float | None:
        if self._held_since_s is not None:
            if self._speaks:
                return self._held_since_s + (CONSIDER_S if self._means_it else INSISTING_S)
            quiet_s = None if self._paused_at_s is None else self._paused_at_s + RESUME_MS / 1000.0
            return max(quiet_s or 0.0, self._held_since_s + SUSPICION_S)
        if self._endpointing is None or self._paused_at_s is None or not self.text:
            return None
        due_s = self._paused_at_s + self._endpointing.wait_ms(self._p_over()) / 1000.0
        if self._over_reply:
            return due_s
        return max([due_s, *(asked.until_s for asked in self._asked.values())])

    @property
    def _over_reply(self) -> bool:
        """Is what was said since the last decision said while somebody replies?"""
        return bool(self._replying_id) and not self._said_before

    @property
    def _means_it(self) -> bool:
        """Are there words that want the turn?"""
        return self._sure and bool(self.text) and not is_backchannel(self.text)

    def _p_over(self) -> float:
        """The model's opinion of these very words, if they can be trusted, else what the silence says."""
        return self._opinion.p_end if self._sure and self._opinion.text == self.text else self._p_end

    def _hold(self, now_s: float) -> Decision:
        if self._replying_id and self._held_since_s is None:
            self._held_since_s = now_s
            return Hold(self._replying_id, self._due_s())
        if self._held_since_s is not None and self._speaks and self._paused_at_s is None:
            return Wait(self._due_s())
        return self._decide(now_s)

    def _resume(self) -> Resume:
        turn_id, self._held_since_s = self._replying_id, None
        if not self._said_before:
            self._forget()
        return Resume(turn_id)

    def _interrupt(self) -> Interrupt:
        turn_id, self._replying_id, self._held_since_s = self._replying_id, 0, None
        return Interrupt(turn_id)

    def _reply(self) -> Reply:
        reply = Reply(self.text, self._until_sample)
        self._forget()
        return reply

    def _keep_utterance(self) -> None:
        if self._text or self._asked:
            self._done.append(self._text)
        self._text = ""

    def _replace(self, place: int, text: str) -> None:
        if place < len(self._done):
            self._done[place] = text
        else:
            self._text, self._sure = text, True

    def _forget(self) -> None:
        self._done.clear()
        self._asked.clear()
        self._text = ""
        self._paused_at_s = None
        self._said_before = False


def is_backchannel(text: str) -> bool:
    """Is this only a listener's noise ("mm hm", "yeah okay"), not an attempt to take the turn?"""
    words = words_of(text)
    return 0 < len(words) <= _MAX_BACKCHANNEL_WORDS and all(word in BACKCHANNEL for word in words)
