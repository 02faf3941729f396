"""VOLATILE: what is recalled, perceived and said just now, and the opening of the reply."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sensorium.prompting.format import PromptFormat
from sensorium.prompting.numerals import clock_words
from sensorium.prompting.sources.conversation import entry_parts
from sensorium.prompting.sources.text import as_name, as_words
from sensorium.prompting.tiers import Parts, Source
from sensorium.prompting.view import Rows, View
from sensorium.request import Part, Scope, Tier

_LAST_S = 253_402_300_799.0  # the end of the year 9999
# (first hour, how it is called); the last that fits counts.
_DAY_PARTS = (
    (0, "at night"),
    (5, "in the morning"),
    (12, "in the afternoon"),
    (18, "in the evening"),
    (22, "at night"),
)


def memories(view: View, prompt_format: PromptFormat) -> Iterable[Parts]:
    texts = (as_words(memory, prompt_format) for memory in view.memories)
    return (prompt_format.framed(prompt_format.memory, text) for text in texts if text)


def percepts(view: View, prompt_format: PromptFormat) -> Iterable[Parts]:
    """Who is here first, then what is in view, then what else is perceived, in the order given."""
    frame = prompt_format.percept
    if presence := _presence(view, prompt_format):
        yield prompt_format.framed(frame, presence)
    for picture in view.pictures:
        yield prompt_format.framed_parts(frame, (*prompt_format.parts(prompt_format.image), picture.part))
    for text in (as_words(percept, prompt_format) for percept in view.percepts):
        if text:
            yield prompt_format.framed(frame, text)


def time(view: View, prompt_format: PromptFormat) -> Iterable[Parts]:
    moment = _moment(view)
    if prompt_format.text_form == "spoken":
        yield prompt_format.framed(prompt_format.time, f" {time_words(moment.hour, moment.minute)}")
    else:
        yield prompt_format.framed(prompt_format.time, moment.strftime("%Y-%m-%dT%H:%M"))


def instructions(view: View, prompt_format: PromptFormat) -> Iterable[Parts]:
    if prompt_format.prose and (text := as_words(view.instructions, prompt_format)):
        yield prompt_format.framed(prompt_format.percept, text)


def newest(view: View, prompt_format: PromptFormat) -> Iterable[Parts]:
    """What the history has already is put once more only to a closed world: it answers what stands last."""
    if prompt_format.prose and view.newest in view.history:
        return
    if view.newest is not None and view.heard:
        content = tuple(part for piece in view.heard if (part := _heard(piece, prompt_format)).text)
        name = as_name(view.newest.speaker_name, prompt_format)
        yield prompt_format.framed_parts(prompt_format.person, content, name)
    elif view.newest is not None:
        yield entry_parts(view.newest, view.persona.id, prompt_format)


def reply(_view: View, prompt_format: PromptFormat) -> Iterable[Parts]:
    yield prompt_format.reply_open()


def time_words(hour: int, minute: int) -> str:
    """ "it is four seventeen in the afternoon" for 16:17."""
    day_part = [name for first_hour, name in _DAY_PARTS if hour >= first_hour][-1]
    return f"it is {clock_words(hour % 12 or 12, minute)} {day_part}"


def _presence(view: View, prompt_format: PromptFormat) -> str:
    # Sorted: who came first must not show in a prompt.
    present = (*sorted(view.personas_here, key=_by_name), *sorted(view.people_here, key=_by_name))
    names = [as_name(name, prompt_format).strip() for name in present]
    if not names:
        return ""
    verb = "is" if len(names) == 1 else "are"
    if prompt_format.text_form == "spoken":
        return f" here {verb} {_listed(names, ' ')}"
    return f"Here {verb} {_listed(names, ', ')}."


def _moment(view: View) -> datetime:
    """On the room's own clock. One that shows no year of four digits shows the nearest."""
    shown_s = view.wall_s + view.utc_offset_s
    return datetime.fromtimestamp(min(max(0.0, shown_s), _LAST_S), UTC)


def _heard(piece: Rows | str, prompt_format: PromptFormat) -> Part:
    return piece.part if isinstance(piece, Rows) else Part(as_words(piece, prompt_format))


def _by_name(name: str) -> tuple[str, str]:
    return name.casefold(), name


def _listed(names: list[str], joint: str) -> str:
    *first, last = names
    return f"{joint.join(first)} and {last}" if first else last


SOURCES = (
    Source("memories", Tier.VOLATILE, Scope.PERSONA, memories),
    Source("percepts", Tier.VOLATILE, Scope.PERSONA, percepts),
    Source("time", Tier.VOLATILE, Scope.PERSONA, time),
    Source("instructions", Tier.VOLATILE, Scope.PERSONA, instructions),
    Source("newest", Tier.VOLATILE, Scope.PERSONA, newest),
    Source("reply", Tier.VOLATILE, Scope.PERSONA, reply),
)
