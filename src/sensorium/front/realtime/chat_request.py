"""What a chat completion asks, checked: whose turn it is, what was said, what is to be seen and heard.

Knows nothing of the room. Source: openai-python's types/chat.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from sensorium.front.realtime.client_events import Refused, decoded, picture
from sensorium.front.realtime.settings import FunctionTool
from sensorium.history import MAX_ENTRY_CHARS

MAX_BODY_BYTES = 8_000_000
_MAX_PICTURES = 8


class Link(msgspec.Struct):
    url: str


class SoundGiven(msgspec.Struct):
    data: str
    format: Literal["wav"]


class PartGiven(msgspec.Struct):
    type: Literal["text", "image_url", "input_audio", "refusal"]
    text: str = ""
    image_url: Link | None = None
    input_audio: SoundGiven | None = None


class MessageGiven(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[PartGiven] | None = None
    name: str = ""


class SoundWanted(msgspec.Struct):
    format: Literal["wav", "pcm16", "mp3", "flac", "opus", "aac"]
    voice: str | dict[str, Any] = ""


class StreamOptions(msgspec.Struct):
    include_usage: bool = False


class ToolGiven(msgspec.Struct):
    type: Literal["function"]
    function: FunctionTool


class Wanted(msgspec.Struct):
    name: str


class NamedFunction(msgspec.Struct):
    type: Literal["function"]
    function: Wanted


class ChatRequest(msgspec.Struct):
    """Of what OpenAI has, the fields that mean something here; others are accepted and change nothing."""

    model: str
    messages: Annotated[list[MessageGiven], msgspec.Meta(min_length=1, max_length=2_000)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    modalities: list[Literal["text", "audio"]] | None = None
    audio: SoundWanted | None = None
    n: int | None = 1
    user: str | None = None
    tools: Annotated[list[ToolGiven], msgspec.Meta(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedFunction | None = None
    response_format: dict[str, Any] | None = None


class Question(NamedTuple):
    """What the room is told: `words` are the person's since the last reply, `sounds` WAV files to be heard
    after them, `pictures` to be seen before. `audio`: the format that the reply's sound is wanted in, or "".
    `tools`: one of these must be called."""

    model: str
    name: str
    words: str
    sounds: tuple[bytes, ...]
    pictures: tuple[bytes, ...]
    instructions: str
    audio: str
    streams: bool
    tells_usage: bool
    tools: tuple[FunctionTool, ...]


def read(body: bytes) -> Question:
    """Raises Refused naming the field."""
    try:
        request = msgspec.json.decode(body, type=ChatRequest)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as e:
        text, _, path = str(e).partition(" - at ")
        param = path.strip("`").removeprefix("$").removeprefix(".")
        raise Refused(text, code="invalid_type", param=param) from e
    if request.n not in (None, 1):
        raise Refused("a persona gives one answer: n is 1", param="n")
    if (request.response_format or {}).get("type", "text") != "text":
        raise Refused("a persona answers in words: response_format is text", param="response_format")
    newest = _newest(request.messages)
    parts = [(at, part) for at, message in newest for part in _parts(message, at)]
    words = " ".join(text for at, part in parts if part.type == "text" and (text := part.text.strip()))
    if len(words) > MAX_ENTRY_CHARS:
        raise Refused(f"a message has at most {MAX_ENTRY_CHARS} characters", param="messages")
    pictures = tuple(_picture(part, at) for at, part in parts if part.type == "image_url")
    if len(pictures) > _MAX_PICTURES:
        raise Refused(f"at most {_MAX_PICTURES} pictures", param="messages")
    sounds = tuple(_sound(part, at) for at, part in parts if part.type == "input_audio")
    if not words and not sounds:
        raise Refused("the last message says nothing", param=newest[-1][0])
    told = [m for m in request.messages if m.role in ("system", "developer")]
    return Question(
        model=request.model,
        name=newest[-1][1].name or request.user or "",
        words=words,
        sounds=sounds,
        pictures=pictures,
        instructions="\n".join(part.text for m in told for part in _parts(m, "messages")).strip(),
        audio=_audio(request),
        streams=bool(request.stream),
        tells_usage=request.stream_options is not None and request.stream_options.include_usage,
        tools=_wanted_tools(request),
    )


def _newest(messages: list[MessageGiven]) -> list[tuple[str, MessageGiven]]:
    """What was said since the last reply: all before it, the room knows itself."""
    newest: list[tuple[str, MessageGiven]] = []
    for i, message in reversed(list(enumerate(messages))):
        if message.role == "assistant":
            break
        if message.role not in ("system", "developer"):
            newest.append((f"messages[{i}]", message))
    if not newest:
        raise Refused("the last message is not a user's", param="messages")
    return newest[::-1]


def _parts(message: MessageGiven, param: str) -> list[PartGiven]:
    if isinstance(message.content, list):
        if message.role != "user" and any(part.type != "text" for part in message.content):
            raise Refused("only a user's message has pictures or sound", param=f"{param}.content")
        return message.content
    return [PartGiven("text", text=message.content)] if message.content else []


def _picture(part: PartGiven, param: str) -> bytes:
    if part.image_url is None:
        raise Refused("image_url needs a url", code="missing_required_parameter", param=f"{param}.content")
    return picture(part.image_url.url, f"{param}.content.image_url.url")


def _sound(part: PartGiven, param: str) -> bytes:
    if part.input_audio is None:
        raise Refused("input_audio needs data", code="missing_required_parameter", param=f"{param}.content")
    return decoded(part.input_audio.data, f"{param}.content.input_audio.data")


def _audio(request: ChatRequest) -> str:
    if "audio" not in (request.modalities or ()):
        return ""
    if request.audio is None:
        raise Refused("audio needs a format", code="missing_required_parameter", param="audio")
    possible = ("pcm16",) if request.stream else ("wav", "pcm16")
    if request.audio.format not in possible:
        raise Refused(f"sound comes as {' or '.join(possible)}", param="audio.format")
    return request.audio.format


def _wanted_tools(request: ChatRequest) -> tuple[FunctionTool, ...]:
    tools = tuple(tool.function for tool in request.tools or ())
    if isinstance(request.tool_choice, NamedFunction):
        name = request.tool_choice.function.name
        named = tuple(tool for tool in tools if tool.name == name)
        if not named:
            raise Refused(f"there is no tool {name[:80]!r}", param="tool_choice")
        return named
    return tools if request.tool_choice == "required" else ()
