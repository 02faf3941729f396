"""One reply on its way out: the mind's words and codes inside the mouth's sounds, and what was heard of it.

Closing the iterators is the only way to stop it; what was heard until then is stored. Knows nothing of who
was chosen to reply and why.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import NamedTuple, TypeVar

from sensorium.clock import Clock
from sensorium.dialogue.turn import Turns, TurnState
from sensorium.front.adapters import AdapterTable
from sensorium.front.happenings import Tell, to_nobody
from sensorium.front.links import CodeFrames, LlmLink, Pcm, SpeechLink
from sensorium.front.publisher import Publisher
from sensorium.front.report import Draft
from sensorium.front.room import RoomState
from sensorium.metrics import Counters
from sensorium.persona import Persona
from sensorium.prompting.tool_calls import CallReader
from sensorium.request import Prompt, Sampling
from sensorium.trace import Stage, Trace
from sensorium.wire.events import Spoke, Writing
from sensorium.wire.records import (
    Began,
    Finished,
    Generate,
    PhraseSpoken,
    Spoken,
    StageTuple,
    WordSpoken,
)

# Of a native mind: more than any of its words takes.
_SPEECH_TOKENS_PER_TOKEN = 24
# So much longer the next prompt is, as a rule.
_NEXT_TOKENS = 64

Sound = Pcm | PhraseSpoken | WordSpoken | Spoken
T = TypeVar("T")


class Speaker(NamedTuple):
    """What turns a prompt into a reply. Without `speech` it is in text only; `native`: the mind makes the
    codes of its speech itself, no bridge speaks its words. `show` writes a reply as people read it. What
    stands between `call_marks` is a call of a tool: it is kept in the draft and not said."""

    room: RoomState
    llm: LlmLink
    speech: SpeechLink | None
    native: bool
    show: Callable[[str], str]
    adapters: AdapterTable
    turns: Turns
    clock: Clock
    trace: Trace
    counters: Counters
    context_tokens: int
    tell: Tell = to_nobody
    call_marks: tuple[str, ...] = ()

    async def speak(
        self, draft: Draft, persona: Persona, prompt: Prompt, rows: bytes, publisher: Publisher | None
    ) -> None:
        """Two nested iterators: what the mind says inside what the mouth makes of it. `rows` are those of the
        prompt."""
        turn_id = draft.turn.turn_id
        aloud = publisher is not None and self.speech is not None
        whole = False
        try:
            async with aclosing(self._pieces(draft, persona, prompt, rows, aloud=aloud)) as pieces:
                if publisher is None or self.speech is None:
                    async for _ in pieces:
                        pass
                else:
                    async with aclosing(self._sounds(self.speech, turn_id, persona, pieces)) as sounds:
                        async for sound in sounds:
                            await self._sound(draft, sound, publisher)
                            if draft.too_long:
                                break
                    await publisher.played(turn_id)
            whole = not draft.too_long
        finally:
            await self._record(draft, persona, publisher, whole=whole)
            self._make_room(draft)

    def _make_room(self, draft: Draft) -> None:
        """Shows less of the conversation where the next turn would not fit: now there is time to read it."""
        num_prompt, most = draft.usage.prompt_tokens, draft.recipe.budgets.max_reply_tokens
        reply = most + self._speech_tokens(most)
        if num_prompt and num_prompt + _NEXT_TOKENS + reply > self.context_tokens:
            self.room.shorten()

    def _speech_tokens(self, max_tokens: int) -> int:
        """What a reply of so many may take when it is spoken."""
        return _SPEECH_TOKENS_PER_TOKEN * max_tokens if self.native and self.speech is not None else 0

    def _sounds(
        self, speech: SpeechLink, turn_id: int, persona: Persona, pieces: AsyncIterator[str | CodeFrames]
    ) -> AsyncGenerator[Sound]:
        if self.native:
            return speech.speak_codes(turn_id, _only(CodeFrames, pieces))
        return speech.speak(turn_id, persona.voice, _only(str, pieces))

    async def _pieces(
        self, draft: Draft, persona: Persona, prompt: Prompt, rows: bytes, *, aloud: bool
    ) -> AsyncGenerator[str | CodeFrames]:
        turn = draft.turn
        max_tokens = max(draft.recipe.budgets.max_reply_tokens, len(draft.words.split()))
        draft.adapters = await self.adapters.ensure(persona)
        speech_tokens = self._speech_tokens(max_tokens) if aloud else 0
        sampling = Sampling(grammar=draft.grammar) if draft.grammar else draft.recipe.sampling
        request = Generate(
            turn.turn_id, prompt, sampling, max_tokens, draft.adapters, speech_tokens, draft.words
        )
        calls = CallReader(self.call_marks)
        asked_s = self.clock.now_s()
        async with aclosing(self.llm.generate(request, rows)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Began):
                    draft.usage, draft.block_tokens = piece.usage, piece.block_tokens
                elif isinstance(piece, Finished):
                    draft.usage = piece.usage
                    if text := calls.flush():
                        yield self._written(draft, persona, text, asked_s)
                    self._note("llm", turn.turn_id, piece.stages)
                elif isinstance(piece, CodeFrames):
                    draft.first_to_mouth_s = draft.first_to_mouth_s or self.clock.now_s()
                    yield piece
                elif piece.special and not calls.is_mark(piece.text):
                    continue
                elif text := calls.feed(piece.text):
                    yield self._written(draft, persona, text, asked_s)
        draft.calls += calls.calls

    def _written(self, draft: Draft, persona: Persona, text: str, asked_s: float) -> str:
        """More words of the reply."""
        turn = draft.turn
        if draft.first_words_s is None:
            draft.first_words_s = self.clock.now_s()
            self.trace.add("first_words", turn.turn_id, asked_s, draft.first_words_s)
        turn.said += text
        if not draft.grammar:
            self.tell(Writing(turn.turn_id, persona.id, self.show(turn.said.strip())))
        if not self.native:
            draft.first_to_mouth_s = draft.first_to_mouth_s or self.clock.now_s()
        return text

    async def _sound(self, draft: Draft, sound: Sound, publisher: Publisher) -> None:
        turn = draft.turn
        if isinstance(sound, WordSpoken):
            draft.spoken.word(sound, turn.said.split())
            return self._spoke(draft, sound.end_sample)
        if isinstance(sound, Spoken):
            return self._note("speech", turn.turn_id, sound.stages)
        if isinstance(sound, PhraseSpoken):
            draft.spoken.phrase(sound)
            draft.num_phrases += 1
            self.counters.add("bridge_calls_total", kind="tts")
            self._note("speech", turn.turn_id, sound.stages)
            return self._spoke(draft, sound.end_sample)
        if draft.first_sound_s is None:
            self.turns.move(turn, TurnState.SPEAKING)
            draft.first_sound_s = self.clock.now_s()
            self.trace.add(
                "first_sound", turn.turn_id, draft.first_words_s or draft.started_s, draft.first_sound_s
            )
            if draft.first_to_mouth_s is not None:
                to_mouth_s = draft.first_to_mouth_s
                self.trace.add("speech.first_byte", turn.turn_id, to_mouth_s, draft.first_sound_s)
            if draft.last_speech_s is not None:
                self.trace.add("voice_to_voice", turn.turn_id, draft.last_speech_s, draft.first_sound_s)
        left = 2 * round(draft.recipe.budgets.max_reply_s * sound.sample_rate_hz) - len(draft.pcm)
        data, draft.too_long = sound.data[:left], len(sound.data) > left
        draft.pcm += data
        draft.sample_rate_hz = sound.sample_rate_hz
        if data:
            await publisher.send_audio(turn.turn_id, data, sound.sample_rate_hz)
        return None

    def _spoke(self, draft: Draft, until_sample: int) -> None:
        text = self.show(draft.spoken.heard_text(until_sample))
        self.tell(Spoke(draft.turn.turn_id, text, until_sample))

    async def _record(
        self, draft: Draft, persona: Persona, publisher: Publisher | None, *, whole: bool
    ) -> None:
        """Stores the reply as it was heard: all of it, or what was played before it broke off."""
        turn = draft.turn
        if draft.grammar:
            return
        said, heard_samples = self.show(turn.said.strip()), len(draft.pcm) // 2
        if publisher is None or self.speech is None or whole:
            draft.heard_text = said
        else:
            heard_samples = min(heard_samples, publisher.heard_samples(turn.turn_id))
            draft.heard_text = self.show(draft.spoken.heard_text(heard_samples))
            draft.heard_until_sample = draft.spoken.heard_until(heard_samples)
        if draft.heard_text:
            with self.trace.stage("record", turn.turn_id):
                await self.room.said(
                    persona, draft.heard_text, turn.turn_id, spoken=said, heard_samples=heard_samples
                )

    def _note(self, process: str, turn_id: int, stages: tuple[StageTuple, ...]) -> None:
        self.trace.extend(Stage(process, name, turn_id, start_s, end_s) for name, start_s, end_s in stages)


async def _only(kind: type[T], pieces: AsyncIterator[object]) -> AsyncGenerator[T]:
    async for piece in pieces:
        if isinstance(piece, kind):
            yield piece
