"""What the next token of a reply is, and what it says: text, a control token, sound, or that all is said.

Draws where the last batch left logits; in speech it asks `speaking.py` what they say. Decides nothing about
batches and memory.
"""

from __future__ import annotations

from sensorium.clock import Clock
from sensorium.inference.backend import Backend
from sensorium.inference.jobs import Began, Event, Job, Said, Spoke
from sensorium.inference.speaking import Speaking, SpeechTokens, split_words


class Drawing:
    """`speech` None: the mind only writes."""

    def __init__(self, backend: Backend, clock: Clock, speech: SpeechTokens | None) -> None:
        self._backend = backend
        self._clock = clock
        self._speech = speech

    @property
    def speaks(self) -> bool:
        return self._speech is not None

    def draw(self, job: Job, events: list[Event]) -> str:
        """Leaves the next token pending and appends what it says; the reason when the reply is over, else "".

        Raises what sampling raises.
        """
        if not job.first_token_s:
            events.append(Began(job.turn_id, job.usage(), job.prompt.block_tokens))
        return self._draw_text(job, events) if job.speaking is None else self._draw_speech(job, events)

    def flush(self, job: Job, events: list[Event]) -> None:
        """Says what is left of a character that was cut."""
        _say(job, job.joiner.flush(), events)

    def _draw_text(self, job: Job, events: list[Event]) -> str:
        token = self._sample(job)
        job.first_token_s = job.first_token_s or self._clock.now_s()
        if token in self._backend.info.end_tokens:
            self.flush(job, events)
            if not job.request.speech_tokens or not b"".join(text for _, text in job.text).strip():
                return "end"
            self._begin_speech(job, token)
            return self._draw_speech(job, events)
        job.num_drawn += 1
        piece, special = self._backend.piece(token)
        if special:
            self.flush(job, events)
            events.append(Said(job.turn_id, piece.decode("utf-8", "replace"), True))
        else:
            job.text.append((token, piece))
            _say(job, job.joiner.feed(piece), events)
        _put(job, token)
        return "length" if job.num_drawn == job.request.max_tokens else ""

    def _begin_speech(self, job: Job, end: int) -> None:
        assert self._speech is not None and job.sampler is not None
        job.speaking = Speaking(
            self._speech, split_words(self._speech, job.text), end, job.activation.invocation
        )
        # Temperature, penalties and grammar were meant for the text.
        job.sampler.close()
        job.sampler = None

    def _draw_speech(self, job: Job, events: list[Event]) -> str:
        speaking = job.speaking
        assert speaking is not None and job.sequence is not None
        if speaking.must_read:
            frame = speaking.read(self._backend.logits(job.sequence))
            if frame is not None:
                job.first_frame_s = job.first_frame_s or self._clock.now_s()
                events.append(Spoke(job.turn_id, frame.word, frame.codes))
        if speaking.over:
            return "end"
        _put(job, speaking.next_token())
        return "length" if speaking.num_tokens == job.request.speech_tokens else ""

    def _sample(self, job: Job) -> int:
        assert job.sequence is not None and job.sampler is not None
        return self._backend.sample(job.sequence, job.sampler)


def _say(job: Job, text: str, events: list[Event]) -> None:
    if text:
        events.append(Said(job.turn_id, text, False))


def _put(job: Job, token: int) -> None:
    job.pending = token
    job.activation.drawn(token, job.num_computed)
