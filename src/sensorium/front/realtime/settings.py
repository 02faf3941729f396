"""How a Realtime session is set, and how a client changes it: GA fields, and the older names of them.

What is shown to the client is what holds: a field that changes nothing here is accepted and not shown.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from sensorium.dialogue.endpointing import Endpointing
from sensorium.front.realtime.client_events import Refused
from sensorium.front.realtime.sound import Format

MAX_INSTRUCTIONS_CHARS = 32_000
_FORMATS: dict[str, Format] = {
    "pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma",
}  # fmt: skip
# How long a sentence that is hardly finished may go on in silence, against what the house would wait.
_PATIENCE = {"low": 2.0, "medium": 1.0, "auto": 1.0, "high": 0.5}
# What changes nothing here: the house samples, limits and traces by its own recipe.
_NO_EFFECT = {
    "include", "max_output_tokens", "max_response_output_tokens", "parallel_tool_calls", "prompt",
    "reasoning", "speed", "temperature", "tracing", "truncation", "input_audio_noise_reduction",
    "safety_identifier", "id", "object", "expires_at", "client_secret",
}  # fmt: skip


class TurnDetection(msgspec.Struct, frozen=True, kw_only=True):
    """When what a person says is over, and what then. `semantic_vad` is the house's own endpointing;
    `server_vad` goes by silence alone."""

    type: Literal["server_vad", "semantic_vad"] = "semantic_vad"
    create_response: bool = True
    interrupt_response: bool = True
    silence_duration_ms: Annotated[int, msgspec.Meta(ge=100, le=10_000)] = 500
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"

    def endpointing(self, house: Endpointing) -> Endpointing:
        """`house`: the room's own; no silence shorter than its ear needs ends a turn."""
        if self.type == "server_vad":
            silence_ms = max(house.sure_ms, self.silence_duration_ms)
            return house._replace(sure_ms=silence_ms, unsure_ms=silence_ms)
        unsure_ms = house.sure_ms + round((house.unsure_ms - house.sure_ms) * _PATIENCE[self.eagerness])
        return house._replace(unsure_ms=unsure_ms)

    def shown(self) -> dict[str, Any]:
        own = "silence_duration_ms" if self.type == "server_vad" else "eagerness"
        shown = ("type", "create_response", "interrupt_response", own)
        return {name: getattr(self, name) for name in shown}


class FunctionTool(msgspec.Struct, frozen=True, kw_only=True):
    """A function that the client would carry out. `parameters` is a JSON schema."""

    type: Literal["function"] = "function"
    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: Annotated[str, msgspec.Meta(max_length=4_000)] | None = None
    parameters: dict[str, Any] | None = None

    def shown(self) -> dict[str, Any]:
        plain = {"type": "function", "name": self.name, "description": self.description}
        return {**plain, "parameters": self.parameters or {}}


class NamedTool(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="function"):
    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedTool
Tools = Annotated[tuple[FunctionTool, ...], msgspec.Meta(max_length=128)]


class _Format(msgspec.Struct):
    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
    rate: Literal[24000] | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`persona_id` is the model, and its own voice the only one. `transcribes`: the client wants to know what
    was understood of speech."""

    persona_id: str
    instructions: str = ""
    modality: Literal["audio", "text"] = "audio"
    input_format: Format = "audio/pcm"
    output_format: Format = "audio/pcm"
    turn_detection: TurnDetection | None = TurnDetection()
    transcribes: bool = False
    tools: Tools = ()
    tool_choice: ToolChoice = "auto"

    def updated(self, given: dict[str, Any], at: str) -> Settings:
        """With what a client gives under `at` ("session" or "response"). Raises Refused; then nothing of it
        holds."""
        changes: dict[str, Any] = {}
        for field, value in _in_ga_terms(given, at).items():
            if field.split(".")[-1] in _NO_EFFECT:
                continue
            changes.update(self._change(field, value, f"{at}.{field}"))
        return msgspec.structs.replace(self, **changes)

    def _change(self, field: str, value: Any, param: str) -> dict[str, Any]:
        match field:
            case "type":
                _converted(value, Literal["realtime"], param)
                return {}
            case "model":
                if value is not None and value != self.persona_id:
                    raise Refused(
                        f"this session talks with {self.persona_id}; open another for {str(value)[:80]!r}",
                        code="cannot_change_model",
                        param=param,
                    )
                return {}
            case "instructions":
                limited = Annotated[str, msgspec.Meta(max_length=MAX_INSTRUCTIONS_CHARS)]
                return {"instructions": _converted(value or "", limited, param)}
            case "output_modalities":
                asked = _converted(
                    value, Annotated[list[Literal["audio", "text"]], msgspec.Meta(min_length=1)], param
                )
                return {"modality": "audio" if "audio" in asked else "text"}
            case "audio.input.format" | "audio.output.format":
                audio_format = _converted(value, _Format, param).type
                return {"input_format" if "input" in field else "output_format": audio_format}
            case "audio.input.transcription":
                return {"transcribes": _converted(value, dict[str, Any] | None, param) is not None}
            case "audio.input.turn_detection":
                return {"turn_detection": _turn_detection(value, param)}
            case "audio.input.noise_reduction" | "audio.output.voice" | "audio.output.speed":
                return {}
            case "tools":
                return {"tools": _converted(value or [], Tools, param)}
            case "tool_choice":
                return {"tool_choice": _converted(value or "auto", ToolChoice, param)}
            case _:
                raise Refused(f"there is no {param}", code="unknown_parameter", param=param)

    def wanted_tools(self) -> tuple[FunctionTool, ...]:
        """Those of which one must be called; () when the persona may speak."""
        match self.tool_choice:
            case NamedTool(name=name):
                return tuple(tool for tool in self.tools if tool.name == name)
            case "required":
                return self.tools
        return ()

    def shown(self, session_id: str) -> dict[str, Any]:
        """The session as the SDK's `RealtimeSessionCreateRequest`."""
        detection = self.turn_detection
        choice = self.tool_choice
        return {
            "type": "realtime",
            "id": session_id,
            "object": "realtime.session",
            "model": self.persona_id,
            "instructions": self.instructions,
            "output_modalities": [self.modality],
            "audio": {
                "input": {
                    "format": format_shown(self.input_format),
                    "transcription": {"model": "sensorium"} if self.transcribes else None,
                    "noise_reduction": None,
                    "turn_detection": detection.shown() if detection is not None else None,
                },
                "output": {
                    "format": format_shown(self.output_format),
                    "voice": self.persona_id,
                    "speed": 1.0,
                },
            },
            "tools": [tool.shown() for tool in self.tools],
            "tool_choice": choice if isinstance(choice, str) else {"type": "function", "name": choice.name},
            "max_output_tokens": "inf",
            "tracing": None,
        }


def format_shown(audio_format: Format) -> dict[str, Any]:
    return {"type": audio_format} | ({"rate": 24_000} if audio_format == "audio/pcm" else {})


def _in_ga_terms(given: dict[str, Any], at: str) -> dict[str, Any]:
    """Flat: "audio.input.format" to value."""
    flat: dict[str, Any] = {}
    for field, value in given.items():
        match field:
            case "audio":
                for side, fields in _converted(
                    value or {}, dict[str, dict[str, Any] | None], f"{at}.audio"
                ).items():
                    flat.update({f"audio.{side}.{name}": inner for name, inner in (fields or {}).items()})
            case "modalities":
                flat["output_modalities"] = value
            case "input_audio_format" | "output_audio_format":
                if not isinstance(value, str) or value not in _FORMATS:
                    raise Refused(f"{field} is one of {', '.join(_FORMATS)}", param=f"{at}.{field}")
                flat[f"audio.{field.split('_')[0]}.format"] = {"type": _FORMATS[value]}
            case "input_audio_transcription":
                flat["audio.input.transcription"] = value
            case "turn_detection":
                flat["audio.input.turn_detection"] = value
            case "voice":
                flat["audio.output.voice"] = value
            case _:
                flat[field] = value
    return flat


def _turn_detection(value: Any, param: str) -> TurnDetection | None:
    """None, as "none" in beta: the client says itself when somebody has finished."""
    if value is None or value == {"type": "none"}:
        return None
    given = _converted(value, dict[str, Any], param)
    if "type" not in given:
        raise Refused("turn_detection needs a type", code="missing_required_parameter", param=f"{param}.type")
    known = {name: inner for name, inner in given.items() if inner is not None}
    detection: TurnDetection = _converted(known, TurnDetection, param)
    return detection


def _converted(value: Any, kind: Any, param: str) -> Any:
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError) as e:
        text, _, path = str(e).partition(" - at ")
        raise Refused(text, param=param + path.strip("`").removeprefix("$")) from e
