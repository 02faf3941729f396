"""Every message of the house, named by its receiver's side, with its direction.

The front is in the middle of a star; a worker talks to nobody else. Raw payloads (PCM, rows, pictures) ride
behind a record and are never inside it. `turn_id`, `stream_id`, `look_id` and `call_id` only grow. Times are
machine-wide monotonic seconds.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sensorium.persona import Voice
from sensorium.request import AdapterUse, Part, Prompt, Sampling, Usage

# On nano's ear (hearing/confidence.py) 98 % of clean sentences are above, 91 % of hopeless ones below.
UNCLEAR_BELOW = 0.23
# (name, start_s, end_s) as measured in the worker.
StageTuple = tuple[str, float, float]

MAX_PICTURE_BYTES = 20_000_000
# Personas of a room among whom the mind may be asked who answers.
MAX_OPENINGS = 64


class AskedBy(msgspec.Struct, frozen=True, array_like=True):
    """A phrase by which people ask for a tool (see `asking.parse`), and the arguments that it fixes."""

    phrase: str
    fixed: dict[str, Any] = {}


class ToolCard(msgspec.Struct, frozen=True, array_like=True):
    """A tool as the front knows it. `parameters` is a JSON schema; `source` names the package, or MCP server,
    that it came with. A call may take `limit_s`."""

    name: str
    description: str
    parameters: dict[str, Any]
    phrases: tuple[AskedBy, ...]
    source: str
    limit_s: float


class ToolProblem(msgspec.Struct, frozen=True, array_like=True):
    """Why the tool or server of that name is not there."""

    name: str
    message: str


class SaidLater(msgspec.Struct, frozen=True, array_like=True):
    """What a tool wants said in the room, so many seconds from now."""

    after_s: float
    text: str


class Record(msgspec.Struct, tag=True):
    """Base only in the sense of msgspec's tagged unions."""


# -- front -> any worker ---------------------------------------------------------------------------------


class Ping(Record):
    nonce: int


class Inspect(Record):
    """Asks for `Stats` with the same nonce."""

    nonce: int


class Stop(Record):
    """Finish what is under way, then exit with 0."""


# -- any worker -> front ---------------------------------------------------------------------------------


class Ready(Record):
    """Sent once, after warm-up. `facts` are found at start, e.g. model, sequences, context_tokens."""

    worker: str
    warm_s: float
    facts: dict[str, Any]


class Pong(Record):
    """`alive`: the thread that computes waits for work, or has looked for some since the last `Ping`."""

    nonce: int
    alive: bool


class Computing(Record):
    """What is computed now may take so long, and no `Pong` may come meanwhile; 0: it is done."""

    seconds: float


class Stats(Record):
    nonce: int
    values: dict[str, Any]


class Failed(Record):
    """One turn or stream failed; the worker lives on. turn_id 0: the worker as a whole."""

    turn_id: int
    code: str
    message: str
    remedy: str = ""


# -- front -> llm ----------------------------------------------------------------------------------------


class Generate(Record):
    """Payload: the embedding rows of the prompt, float32 little-endian (rows, width of the mind), in order.

    `speech_tokens` above 0 asks for speech behind the text, of at most so many tokens. With `words` the reply
    is these and no others, whatever `sampling` and `max_tokens` say.
    """

    turn_id: int
    prompt: Prompt
    sampling: Sampling
    max_tokens: int
    adapters: tuple[AdapterUse, ...] = ()
    speech_tokens: int = 0
    words: str = ""


class Settle(Record):
    """Prefill this stable prompt (no VOLATILE) in the background, at the lowest urgency."""

    prompt: Prompt
    adapters: tuple[AdapterUse, ...] = ()


class Draft(Record):
    """Prefill what somebody is just saying, as far as it was heard, for the turn that may come of it.

    The prompt ends behind the last word; `close` is the special token that would close the message. Payload
    as in `Generate`. `openings` are how those who may answer would begin: special tokens, and of a name its
    first token. At most 64, of up to 8 parts each. Answered by `Drafted`; of one persona one at a time.
    """

    prompt: Prompt
    close: str
    adapters: tuple[AdapterUse, ...] = ()
    openings: tuple[tuple[Part, ...], ...] = ()


class LoadAdapter(Record):
    adapter_id: str
    path: str


class Cancel(Record):
    """To llm and speech: stop this turn within one step. Answered by `Finished` or `Spoken` as usual."""

    turn_id: int


# -- llm -> front ----------------------------------------------------------------------------------------


class Began(Record):
    """The prompt is in memory and the first token is about to be sampled.

    `block_tokens` counts the tokens of each of the prompt's blocks, in order; empty from a remote server.
    """

    turn_id: int
    usage: Usage
    block_tokens: tuple[int, ...] = ()


class Said(Record):
    """A piece of the reply, in order; complete UTF-8. `special` pieces are control tokens, e.g. silence."""

    turn_id: int
    text: str
    special: bool = False


class Codes(Record):
    """Whole frames of the reply's sound, as soon as they are drawn; all `Said` of the turn came before.

    Payload: int16 little-endian (frames, groups), codes from 0. They sound in word number `word` of the
    reply, from 0.
    """

    turn_id: int
    word: int


class Finished(Record):
    """reason: "end", "length" or "cancelled"."""

    turn_id: int
    reason: str
    usage: Usage
    stages: tuple[StageTuple, ...] = ()


class Settled(Record):
    persona_id: str
    processed_tokens: int


class Drafted(Record):
    """`p_close`: how likely the model thinks that the message is over, 0 to 1; 0 as well when the draft found
    no room. `p_openings`: how likely that each of the openings comes next, if it is over; empty when they
    found no room."""

    persona_id: str
    processed_tokens: int
    p_close: float
    p_openings: tuple[float, ...] = ()


class AdapterLoaded(Record):
    """`code` "" means that it is loaded; else it was refused, with the error's fields."""

    adapter_id: str
    num_bytes: int
    code: str = ""
    message: str = ""
    remedy: str = ""


# -- front -> hearing ------------------------------------------------------------------------------------


class OpenEar(Record):
    """Starts a stream of mono s16le PCM at any rate from 8000 to 96000 Hz."""

    stream_id: int
    sample_rate_hz: int


class Hear(Record):
    """Payload: mono s16le PCM, at most one second. `sent_s`: when it left the front; 0.0: not measured."""

    stream_id: int
    sent_s: float = 0.0


class CloseEar(Record):
    """No more audio will come; the rest is recognised and `EarClosed` follows."""

    stream_id: int


# -- hearing -> front: sample positions count at 16 kHz from the stream's start ----------------------------


class SpeechSuspected(Record):
    """Perhaps somebody begins to speak; `SpeechStarted` follows within 64 ms, or it was nothing."""

    stream_id: int
    at_sample: int


class SpeechStarted(Record):
    stream_id: int
    at_sample: int


class Words(Record):
    """What was heard since `SpeechStarted`; replaces the previous `Words`. `confidence`: 0 to 1, how far the
    words can be trusted (below `UNCLEAR_BELOW` nobody should act on them); 1.0 of engines that do not say.
    `by_bridge`: they are a bridge's, and rows of `Heard` do not go with them."""

    stream_id: int
    text: str
    until_sample: int
    stages: tuple[StageTuple, ...] = ()
    confidence: float = 1.0
    by_bridge: bool = False


class Heard(Record):
    """The utterance as the mind reads it, from native engines, before the `Words` with the same words.
    Payload: float32 little-endian (words, width of the mind); `first_row` rows were sent before."""

    stream_id: int
    first_row: int


class Unclear(Record):
    """The utterance is over, and the last `Words` of it cannot be trusted. A bridge is asked what it was,
    beside the stream, and `Reconsidered` with the same number follows, before `EarClosed`."""

    stream_id: int
    utterance: int
    until_sample: int


class Reconsidered(Record):
    """What a bridge makes of an utterance that was `Unclear`, in place of its words and rows. "": nothing."""

    stream_id: int
    utterance: int
    text: str


class SpeechPaused(Record):
    """No speech for `silence_ms`. Repeats as the silence grows. `p_end`: is the sentence finished?"""

    stream_id: int
    at_sample: int
    silence_ms: int
    p_end: float


class SpeechResumed(Record):
    stream_id: int
    at_sample: int


class EarClosed(Record):
    stream_id: int


# -- front -> speech -------------------------------------------------------------------------------------


class Speak(Record):
    """Opens a turn's mouth. Its sound may be sent up to `until_ms` of the turn, or a chunk more."""

    turn_id: int
    voice: Voice
    until_ms: int


class Grant(Record):
    """The listener took more of the turn: now its sound may be sent up to `until_ms`."""

    turn_id: int
    until_ms: int


class Say(Record):
    """More words of the turn, as they are decoded."""

    turn_id: int
    text: str


class SayCodes(Record):
    """More sound of the turn, as the mind makes it. Payload as in `Codes`; words come in order."""

    turn_id: int
    word: int


class SayEnd(Record):
    turn_id: int


# -- speech -> front -------------------------------------------------------------------------------------


class Sound(Record):
    """Payload: mono s16le PCM."""

    turn_id: int
    sample_rate_hz: int


class PhraseSpoken(Record):
    """Which words lie in which samples of the turn's audio; what a barge-in truncates by."""

    turn_id: int
    text: str
    start_sample: int
    end_sample: int
    stages: tuple[StageTuple, ...] = ()


class WordSpoken(Record):
    """All samples of word number `word` have been sent. A word without codes has none and no record."""

    turn_id: int
    word: int
    start_sample: int
    end_sample: int


class Spoken(Record):
    """All of the turn's audio has been sent (or the turn was cancelled). `stages` are those of codes."""

    turn_id: int
    num_samples: int
    stages: tuple[StageTuple, ...] = ()


# -- front -> vision -------------------------------------------------------------------------------------


class Look(Record):
    """Payload: a JPEG or PNG file of at most `MAX_PICTURE_BYTES`. Answered by `Seen` or `Failed`; or by
    `Unchanged`, when it shows nothing that was not seen in the look `since_look_id` (0: it is looked at)."""

    look_id: int
    since_look_id: int = 0


# -- vision -> front -------------------------------------------------------------------------------------


class Seen(Record):
    """What the picture holds. Payload: float32 little-endian (num_rows, width of the mind), the row of the
    whole picture, then one for each of `things`, left to right."""

    look_id: int
    num_rows: int
    things: tuple[str, ...]
    stages: tuple[StageTuple, ...] = ()


class Unchanged(Record):
    """The picture shows nothing new and was not looked at."""

    look_id: int
    stages: tuple[StageTuple, ...] = ()


# -- front -> tools --------------------------------------------------------------------------------------


class CallTool(Record):
    """`arguments` is a JSON object. `pending`: what this tool wants said later in this room, soonest first.
    Answered by `ToolAnswer` or `Failed`, in any order of calls."""

    call_id: int
    name: str
    arguments: str
    room_id: str
    persona_id: str
    pending: tuple[SaidLater, ...] = ()


class DropCall(Record):
    """Nobody waits for this call any more. It is ended where that can be done, and not answered."""

    call_id: int


# -- tools -> front --------------------------------------------------------------------------------------


class Offered(Record):
    """All tools that there are now, by name, and what is wrong with others. Sent behind `Ready`, and whenever
    it changes. `starting`: MCP servers that have not said yet what they offer."""

    tools: tuple[ToolCard, ...]
    problems: tuple[ToolProblem, ...]
    starting: tuple[str, ...] = ()


class ToolAnswer(Record):
    """What a tool has to say. With `forget`, what it wanted said later in that room is dropped; `later` is
    added to it."""

    call_id: int
    text: str
    later: tuple[SaidLater, ...] = ()
    forget: bool = False


ToLlm = Ping | Inspect | Stop | Generate | Settle | Draft | LoadAdapter | Cancel
FromLlm = (
    Ready | Pong | Computing | Stats | Failed | Began | Said | Codes | Finished | Settled | Drafted
    | AdapterLoaded
)  # fmt: skip
ToHearing = Ping | Inspect | Stop | OpenEar | Hear | CloseEar
FromHearing = (
    Ready | Pong | Computing | Stats | Failed | SpeechSuspected | SpeechStarted | Words | Heard
    | Unclear | Reconsidered | SpeechPaused | SpeechResumed | EarClosed
)  # fmt: skip
ToSpeech = Ping | Inspect | Stop | Speak | Grant | Say | SayCodes | SayEnd | Cancel
FromSpeech = Ready | Pong | Computing | Stats | Failed | Sound | PhraseSpoken | WordSpoken | Spoken
ToVision = Ping | Inspect | Stop | Look
FromVision = Ready | Pong | Computing | Stats | Failed | Seen | Unchanged
ToTools = Ping | Inspect | Stop | CallTool | DropCall
FromTools = Ready | Pong | Computing | Stats | Failed | Offered | ToolAnswer
