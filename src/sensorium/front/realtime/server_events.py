"""What a Realtime client is sent: GA event names and shapes, each of which parses as the SDK's own type.

Built by `session.py`, numbered where they leave. Source: openai-python's types/realtime, 3.54.0.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class ServerEvent(msgspec.Struct, tag_field="type", kw_only=True):
    """`event_id` is given when the event leaves."""

    event_id: str = ""


class SessionCreated(ServerEvent, tag="session.created"):
    session: dict[str, Any]


class SessionUpdated(ServerEvent, tag="session.updated"):
    session: dict[str, Any]


class ConversationCreated(ServerEvent, tag="conversation.created"):
    conversation: dict[str, Any]


class ItemAdded(ServerEvent, tag="conversation.item.added"):
    previous_item_id: str | None
    item: dict[str, Any]


class ItemDone(ServerEvent, tag="conversation.item.done"):
    previous_item_id: str | None
    item: dict[str, Any]


class ItemRetrieved(ServerEvent, tag="conversation.item.retrieved"):
    item: dict[str, Any]


class ItemDeleted(ServerEvent, tag="conversation.item.deleted"):
    item_id: str


class ItemTruncated(ServerEvent, tag="conversation.item.truncated"):
    item_id: str
    content_index: int
    audio_end_ms: int


class TranscriptionDelta(ServerEvent, tag="conversation.item.input_audio_transcription.delta"):
    item_id: str
    content_index: int
    delta: str


class TranscriptionCompleted(ServerEvent, tag="conversation.item.input_audio_transcription.completed"):
    """`usage`: {"type": "duration", "seconds": ...}."""

    item_id: str
    content_index: int
    transcript: str
    usage: dict[str, Any]


class TranscriptionFailed(ServerEvent, tag="conversation.item.input_audio_transcription.failed"):
    item_id: str
    content_index: int
    error: dict[str, Any]


class InputCommitted(ServerEvent, tag="input_audio_buffer.committed"):
    previous_item_id: str | None
    item_id: str


class InputCleared(ServerEvent, tag="input_audio_buffer.cleared"):
    pass


class SpeechStarted(ServerEvent, tag="input_audio_buffer.speech_started"):
    audio_start_ms: int
    item_id: str


class SpeechStopped(ServerEvent, tag="input_audio_buffer.speech_stopped"):
    audio_end_ms: int
    item_id: str


class ResponseCreated(ServerEvent, tag="response.created"):
    response: dict[str, Any]


class ResponseDone(ServerEvent, tag="response.done"):
    response: dict[str, Any]


class OutputItemAdded(ServerEvent, tag="response.output_item.added"):
    response_id: str
    output_index: int
    item: dict[str, Any]


class OutputItemDone(ServerEvent, tag="response.output_item.done"):
    response_id: str
    output_index: int
    item: dict[str, Any]


class OfPart(ServerEvent):
    """Where in a response: the four ids that every delta carries."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int


class PartAdded(OfPart, tag="response.content_part.added"):
    part: dict[str, Any]


class PartDone(OfPart, tag="response.content_part.done"):
    part: dict[str, Any]


class TextDelta(OfPart, tag="response.output_text.delta"):
    delta: str


class TextDone(OfPart, tag="response.output_text.done"):
    text: str


class TranscriptDelta(OfPart, tag="response.output_audio_transcript.delta"):
    delta: str


class TranscriptDone(OfPart, tag="response.output_audio_transcript.done"):
    transcript: str


class AudioDelta(OfPart, tag="response.output_audio.delta"):
    """`delta` is base64 of sound in the session's output format."""

    delta: str


class AudioDone(OfPart, tag="response.output_audio.done"):
    pass


class ArgumentsDelta(ServerEvent, tag="response.function_call_arguments.delta"):
    response_id: str
    item_id: str
    output_index: int
    call_id: str
    delta: str


class ArgumentsDone(ServerEvent, tag="response.function_call_arguments.done"):
    response_id: str
    item_id: str
    output_index: int
    call_id: str
    name: str
    arguments: str


class ErrorDetail(msgspec.Struct, kw_only=True):
    """`type` is invalid_request_error or server_error; `event_id` is that of the client's event."""

    type: Literal["invalid_request_error", "server_error"]
    code: str | None = None
    message: str
    param: str | None = None
    event_id: str | None = None


class Error(ServerEvent, tag="error"):
    error: ErrorDetail
