"""OpenAI's Live protocol: what its clients send and are sent, each of which parses as the SDK's own type.

Everything is checked here before anybody acts on it. Source: openai-python's types/live, 3.54.0.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from sensorium.front.realtime.client_events import Reader, Refused
from sensorium.front.realtime.settings import MAX_INSTRUCTIONS_CHARS
from sensorium.front.realtime.sound import Format

_MAX_CONTENT_CHARS = 4_000
_Text = Annotated[str, msgspec.Meta(max_length=MAX_INSTRUCTIONS_CHARS)]

# -- from the client -----------------------------------------------------------------------------------


class FromClient(msgspec.Struct, tag_field="type", kw_only=True):
    """Base only in the sense of msgspec's tagged unions."""

    event_id: Annotated[str, msgspec.Meta(max_length=512)] | None = None


class _Format(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
    rate: int


class _Audio(msgspec.Struct, forbid_unknown_fields=True):
    format: _Format | None = None
    output: dict[str, Any] | None = None


class Delegation(msgspec.Struct):
    """Who does what the persona hands on; the client, as none ever does."""

    type: str


class _Written(msgspec.Struct):
    text: _Text


class _Item(msgspec.Struct):
    role: Literal["developer", "user", "assistant"]
    content: Annotated[list[_Written], msgspec.Meta(min_length=1, max_length=1)]


class Config(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How a session is to be. `model` is a persona, whose voice is its own whatever is asked for."""

    model: str
    audio: _Audio | None = None
    instructions: _Text | None = None
    delegation: Delegation | None = None
    input: Annotated[list[_Item], msgspec.Meta(max_length=128)] | None = None
    triggers: list[Any] | None = None
    client: dict[str, Any] | None = None
    safety_identifier: str | None = None
    store: bool | None = None

    @property
    def audio_format(self) -> Format:
        """Raises Refused for a rate that the format does not have."""
        asked = self.audio.format if self.audio is not None else None
        if asked is None or (asked.type, asked.rate) == ("audio/pcm", 24_000):
            return "audio/pcm"
        if (asked.type, asked.rate) == ("audio/pcm", 16_000):
            return "audio/pcm;rate=16000"
        if asked.type != "audio/pcm" and asked.rate == 8_000:
            return asked.type
        rates = "16000 or 24000" if asked.type == "audio/pcm" else "8000"
        raise Refused(f"the rate of {asked.type} is {rates}", param="session.audio.format.rate")

    @property
    def told(self) -> str:
        """What the persona is told: instructions, and what a developer wrote. What was said elsewhere is not
        known here: the room has its own history."""
        written = [item.content[0].text for item in self.input or () if item.role == "developer"]
        return "\n".join([self.instructions or "", *written]).strip()


class Start(FromClient, tag="session.start"):
    session: Config


class Changes(msgspec.Struct, forbid_unknown_fields=True):
    delegation: Delegation | None = None
    triggers: list[Any] | None = None


class Update(FromClient, tag="session.update"):
    session: Changes


class Append(FromClient, tag="session.input_audio.append"):
    audio: str


class Mute(FromClient, tag="session.input_audio.mute"):
    pass


class Unmute(FromClient, tag="session.input_audio.unmute"):
    pass


class _Context(FromClient):
    content: Annotated[str, msgspec.Meta(max_length=_MAX_CONTENT_CHARS)]
    delegation_id: str | None = None


class AppendInstructions(_Context, tag="session.instructions.append"):
    pass


class AppendThinking(_Context, tag="session.thinking.append"):
    pass


class AppendCommentary(_Context, tag="session.commentary.append"):
    pass


class Close(FromClient, tag="session.close"):
    pass


# What belongs to a delegation, or is heard by one client alone.
class PlayFixture(FromClient, tag="session.output_audio.fixture.play"):
    pass


class CreateDecision(FromClient, tag="decision.create"):
    pass


class CreateDecisionItem(FromClient, tag="decision.item.create"):
    pass


class DeleteDecisionItem(FromClient, tag="decision.item.delete"):
    pass


class CreateResponseItem(FromClient, tag="response.item.create"):
    pass


class CreateResponse(FromClient, tag="response.create"):
    pass


AnyFromClient = (
    Start | Update | Append | Mute | Unmute | AppendInstructions | AppendThinking | AppendCommentary | Close
    | PlayFixture | CreateDecision | CreateDecisionItem | DeleteDecisionItem | CreateResponseItem
    | CreateResponse
)  # fmt: skip
read = Reader[AnyFromClient](AnyFromClient).read

# -- to the client -------------------------------------------------------------------------------------


class ToClient(msgspec.Struct, tag_field="type", kw_only=True, omit_defaults=True):
    """`event_id` is given when the event leaves; `client_event_id` is that of the event it answers."""

    event_id: str = ""
    client_event_id: str | None = None


class Started(ToClient, tag="session.started"):
    session: dict[str, Any]


class Updated(ToClient, tag="session.updated"):
    session: dict[str, Any]


class Muted(ToClient, tag="session.input_audio.muted"):
    pass


class Unmuted(ToClient, tag="session.input_audio.unmuted"):
    pass


class _Span(ToClient):
    """In ms since the session was started."""

    start_ms: int
    end_ms: int


class InstructionsAppended(_Span, tag="session.instructions.appended"):
    pass


class ThinkingAppended(_Span, tag="session.thinking.appended"):
    pass


class CommentaryAppended(_Span, tag="session.commentary.appended"):
    pass


class InputTranscript(_Span, tag="session.input_transcript.delta"):
    delta: str


class OutputTranscript(_Span, tag="session.output_transcript.delta"):
    delta: str


class OutputAudio(msgspec.Struct, tag_field="type", tag="session.output_audio.delta"):
    """The only event without an id: there are twenty-five a second. `delta` is base64."""

    delta: str


class UsageUpdated(ToClient, tag="session.usage.updated"):
    usage: dict[str, float]


class Closed(ToClient, tag="session.closed"):
    reason: Literal["close_requested", "expired"]
    session: dict[str, Any]
    usage: dict[str, float]


class ErrorDetail(msgspec.Struct, kw_only=True, omit_defaults=True):
    type: str
    code: str
    message: str
    param: str | None = None
    client_event_id: str | None = None


class Error(ToClient, tag="error"):
    error: ErrorDetail


AnyToClient = ToClient | OutputAudio
