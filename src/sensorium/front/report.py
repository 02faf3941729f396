"""What one turn was and what it cost: measured, then frozen. Knows nothing of how a turn is run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sensorium.dialogue.transcript import SpokenReply
from sensorium.dialogue.turn import Turn, TurnState
from sensorium.errors import SensoriumError
from sensorium.recipe import Recipe
from sensorium.request import AdapterUse, Prompt, Usage
from sensorium.store.turns import KeptTurn
from sensorium.trace import Stage
from sensorium.wire.events import Outcome, TurnEnded

NO_USAGE = Usage(prompt_tokens=0, cached_tokens=0, processed_tokens=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnReport:
    """`persona` is the id of who answered, "" when nobody did; `why` is the floor's reason.

    `voice_to_voice_ms`: last speech sample sent until the first reply sample was published; None without
    voices. `adapters` that the reply was asked for with, by id; `adapted_tokens` were computed with them on,
    as the engine counts. `silent`: nobody spoke, by choice. `error`: one line, "" when all went well; `said`
    is what was heard until then. `pcm` is mono s16le at `sample_rate_hz`.
    `chosen`: what was picked of a grammar, which nobody heard.
    """

    turn_id: int
    persona: str
    why: str
    heard: str
    said: str
    silent: bool
    interrupted: bool
    error: str
    error_code: str
    prompt_tokens: int
    cached_tokens: int
    processed_tokens: int
    settled_tokens: int
    reply_tokens: int
    speech_tokens: int
    adapters: list[str]
    adapted_tokens: int
    invariant_sha256: str
    voice_to_voice_ms: float | None
    stages_ms: dict[str, float]
    bridge_calls: dict[str, int]
    pcm: bytes = field(repr=False)
    sample_rate_hz: int
    stages: tuple[Stage, ...] = field(repr=False)
    heard_until_sample: int = 0
    chosen: str = ""

    @property
    def outcome(self) -> Outcome:
        if self.interrupted:
            return "interrupted"
        if self.error:
            return "failed"
        return "silent" if self.silent else "done"

    def ended(self) -> TurnEnded:
        """The turn as those who follow the room are told of it."""
        told = {name: getattr(self, name) for name in TurnEnded.__struct_fields__ if hasattr(self, name)}
        return TurnEnded(**told, persona_id=self.persona)

    def row(self, wav: str = "") -> dict[str, object]:
        """The turn as one JSON object; sound is named by the file it was written to."""
        left_out = ("pcm", "sample_rate_hz", "stages")
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in left_out}
        return {**plain, "wav": wav}


@dataclass(slots=True)
class Draft:
    """A turn under way, as its measurements come in. `recipe` made the prompt; `too_long`: there was more
    sound than it allows. `words`: what the reply is to be, "" for the mind's own; `calls`: of tools, as the
    mind wrote them."""

    turn: Turn
    why: str
    started_s: float
    grammar: str = ""
    words: str = ""
    calls: list[str] = field(default_factory=list)
    recipe: Recipe = field(default_factory=Recipe)
    last_speech_s: float | None = None
    first_words_s: float | None = None
    first_to_mouth_s: float | None = None
    first_sound_s: float | None = None
    prompt: Prompt | None = None
    adapters: tuple[AdapterUse, ...] = ()
    usage: Usage = NO_USAGE
    block_tokens: tuple[int, ...] = ()
    in_view: tuple[str, ...] = ()
    silent: bool = False
    interrupted: bool = False
    heard_text: str = ""
    heard_until_sample: int = 0
    error: SensoriumError | None = None
    num_stt: int = 0
    num_phrases: int = 0
    too_long: bool = False
    pcm: bytearray = field(default_factory=bytearray)
    sample_rate_hz: int = 0
    spoken: SpokenReply = field(init=False)

    def __post_init__(self) -> None:
        self.spoken = SpokenReply(self.turn.turn_id)

    def voice_to_voice_ms(self) -> float | None:
        if self.last_speech_s is None or self.first_sound_s is None:
            return None
        return (self.first_sound_s - self.last_speech_s) * 1000.0

    def end_state(self) -> TurnState:
        if self.interrupted:
            return TurnState.INTERRUPTED
        if self.error is not None:
            return TurnState.FAILED
        return TurnState.SILENT if self.silent else TurnState.DONE

    def kept(self, room_id: str, at_s: float, stages: Iterable[Stage]) -> KeptTurn:
        """The turn as `sensorium explain` will want it, stamped with its message's wall time."""
        assert self.prompt is not None
        return KeptTurn(
            turn_id=self.turn.turn_id,
            persona_id=self.turn.persona_id,
            room_id=room_id,
            at=at_s,
            prompt=self.prompt,
            usage=self.usage,
            block_tokens=self.block_tokens,
            stages=tuple((s.process, s.name, round(s.ms, 3)) for s in stages),
            said=self.turn.said.strip(),
            in_view=self.in_view,
        )

    def finish(self, stages: Iterable[Stage]) -> TurnReport:
        stages = tuple(stages)
        return TurnReport(
            turn_id=self.turn.turn_id,
            persona=self.turn.persona_id,
            why=self.why,
            heard=self.turn.heard,
            said=self.heard_text,
            silent=self.silent,
            interrupted=self.interrupted,
            error=self.error.one_line() if self.error is not None else "",
            error_code=self.error.code if self.error is not None else "",
            prompt_tokens=self.usage.prompt_tokens,
            cached_tokens=self.usage.cached_tokens,
            processed_tokens=self.usage.processed_tokens,
            settled_tokens=self.usage.settled_tokens,
            reply_tokens=self.usage.reply_tokens,
            speech_tokens=self.usage.speech_tokens,
            adapters=[use.adapter_id for use in self.adapters],
            adapted_tokens=self.usage.adapted_tokens,
            invariant_sha256=self.prompt.invariant_sha256() if self.prompt is not None else "",
            voice_to_voice_ms=self.voice_to_voice_ms(),
            stages_ms=stages_ms(stages),
            bridge_calls={"stt": self.num_stt, "tts": self.num_phrases},
            pcm=bytes(self.pcm),
            sample_rate_hz=self.sample_rate_hz,
            stages=stages,
            heard_until_sample=self.heard_until_sample,
            chosen=self.turn.said.strip() if self.grammar else "",
        )


def stages_ms(stages: Iterable[Stage]) -> dict[str, float]:
    """Milliseconds by "process.stage"; a stage that came again is summed, a first of something is not."""
    summed: dict[str, float] = {}
    for stage in stages:
        name = stage.name if stage.name.startswith(f"{stage.process}.") else f"{stage.process}.{stage.name}"
        if name in summed and "first" in name:
            continue
        summed[name] = summed.get(name, 0.0) + stage.ms
    return {name: round(ms, 3) for name, ms in summed.items()}
