"""The items of a Realtime session: what was said in it, in the order its client knows.

They are the client's view; what counts is the room's history. Knows nothing of turns.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from sensorium.front.realtime.client_events import Content, ItemGiven, Refused, id_checked

# A session that is told more forgets its oldest items.
MAX_ITEMS = 1_000
MAX_TEXT_CHARS = 8_000
Status = Literal["completed", "incomplete", "in_progress"]
_PART_OF = {"system": ("input_text",), "user": ("input_text", "input_audio", "input_image")}


@dataclass(slots=True)
class Item:
    """`kind` is message, function_call or function_call_output. `words`: what a user's message says; None
    while its sound, of `duration_s`, is still being heard; `written` is what stood in writing beside it.
    `answered`: the room has it; `made`: by a response of this session, not given by its client."""

    id: str
    kind: str
    role: str = ""
    parts: list[dict[str, Any]] = field(default_factory=list)
    status: Status = "completed"
    words: str | None = ""
    written: str = ""
    duration_s: float = 0.0
    answered: bool = False
    made: bool = False
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    output: str = ""

    def shown(self) -> dict[str, Any]:
        """As the SDK's `ConversationItem`; sound itself is never sent back."""
        plain: dict[str, Any] = {"id": self.id, "object": "realtime.item", "type": self.kind}
        if self.kind == "function_call_output":
            return plain | {"call_id": self.call_id, "output": self.output, "status": self.status}
        if self.kind == "function_call":
            called = {"call_id": self.call_id, "name": self.name, "arguments": self.arguments}
            return plain | called | {"status": self.status}
        return plain | {"role": self.role, "status": self.status, "content": [dict(p) for p in self.parts]}


class Items:
    """In order; `after` names the item before a place, None for the beginning."""

    def __init__(self) -> None:
        self._order: list[Item] = []
        self._by_id: dict[str, Item] = {}

    def __iter__(self) -> Iterator[Item]:
        return iter(self._order)

    @property
    def last_id(self) -> str | None:
        return self._order[-1].id if self._order else None

    def get(self, item_id: str, *, code: str) -> Item:
        """Raises Refused with `code`."""
        found = self._by_id.get(item_id)
        if found is None:
            raise Refused(f"there is no item {item_id[:80]!r}", code=code, param="item_id")
        return found

    def add(self, item: Item, previous_item_id: str | None = None) -> str | None:
        """At the end, behind the named one, or at the beginning ("root"); the id of the one before it.

        Raises Refused for a name that is taken or unknown.
        """
        if item.id in self._by_id:
            raise Refused(f"there is an item {item.id!r} already", code="item_exists", param="item.id")
        if previous_item_id is None:
            place = len(self._order)
        elif previous_item_id == "root":
            place = 0
        else:
            if previous_item_id not in self._by_id:
                raise Refused(
                    f"there is no item {previous_item_id[:80]!r}",
                    code="item_not_found",
                    param="previous_item_id",
                )
            place = self._order.index(self._by_id[previous_item_id]) + 1
        self._order.insert(place, item)
        self._by_id[item.id] = item
        before = self._order[place - 1].id if place else None
        if len(self._order) > MAX_ITEMS:
            del self._by_id[self._order.pop(0).id]
        return before

    def remove(self, item_id: str) -> Item:
        """Raises Refused."""
        item = self.get(item_id, code="item_delete_invalid_item_id")
        self._order.remove(item)
        return self._by_id.pop(item_id)

    def before_id(self, item_id: str) -> str | None:
        """The one before it; None at the beginning, and of an item that was deleted meanwhile."""
        item = self._by_id.get(item_id)
        if item is None:
            return None
        place = self._order.index(item)
        return self._order[place - 1].id if place else None

    def unanswered(self) -> list[Item]:
        """What the user said, and what functions gave, that the room does not have yet. What a client gave
        before a reply of its own account was answered elsewhere."""
        recent = itertools.takewhile(lambda item: item.made or _is_input(item), reversed(self._order))
        waiting = [item for item in recent if _is_input(item) and item.role != "system" and not item.answered]
        return waiting[::-1]


def _is_input(item: Item) -> bool:
    return item.role in ("user", "system") or item.kind == "function_call_output"


def new_id(kind: str) -> str:
    """As `item_5f0c...`; 24 random hex digits."""
    return f"{kind}_{secrets.token_hex(12)}"


def given(item: ItemGiven) -> Item:
    """What a client adds, checked. Raises Refused naming the field."""
    item_id = id_checked(item.id, "item.id") if item.id else new_id("item")
    match item.type:
        case "function_call":
            _named(item.name, "item.name")
            arguments = _short(item.arguments, "item.arguments")
            call_id = id_checked(item.call_id or new_id("call"), "item.call_id")
            return Item(item_id, "function_call", call_id=call_id, name=item.name, arguments=arguments)
        case "function_call_output":
            _named(item.call_id, "item.call_id")
            output = _short(item.output, "item.output")
            return Item(item_id, "function_call_output", call_id=item.call_id, output=output)
        case "message" if item.role in ("system", "user", "assistant"):
            parts = [_part(part, item.role, f"item.content[{i}]") for i, part in enumerate(item.content)]
            words = " ".join(part["text"] for part in parts if part["type"] == "input_text").strip()
            _short(words, "item.content")
            return Item(item_id, "message", role=item.role, parts=parts, words=words)
        case "message":
            raise Refused("a message's role is system, user or assistant", param="item.role")
    raise Refused("an item is a message, function_call or function_call_output", param="item.type")


def _part(part: Content, role: str, param: str) -> dict[str, Any]:
    if role == "assistant":
        if part.type in ("output_audio", "audio"):
            return {"type": "output_audio", "transcript": part.transcript or ""}
        if part.type in ("output_text", "text"):
            return {"type": "output_text", "text": part.text or ""}
        raise Refused("an assistant's content is output_text or output_audio", param=f"{param}.type")
    if part.type not in _PART_OF[role]:
        raise Refused(f"a {role}'s content is {', '.join(_PART_OF[role])}", param=f"{param}.type")
    wanted = {"input_text": part.text, "input_audio": part.audio, "input_image": part.image_url}[part.type]
    if wanted is None:
        missing = {"input_text": "text", "input_audio": "audio", "input_image": "image_url"}[part.type]
        raise Refused(
            f"{part.type} needs {missing}", code="missing_required_parameter", param=f"{param}.{missing}"
        )
    if part.type == "input_text":
        return {"type": "input_text", "text": wanted}
    if part.type == "input_audio":
        return {"type": "input_audio", "transcript": part.transcript}
    # Pictures may be large and were the client's own; they are looked at, not kept.
    return {"type": "input_image", "detail": "auto"}


def _named(name: str, param: str) -> None:
    if not name:
        raise Refused("this is needed", code="missing_required_parameter", param=param)
    id_checked(name, param)


def _short(text: str, param: str) -> str:
    if len(text) > MAX_TEXT_CHARS:
        raise Refused(f"at most {MAX_TEXT_CHARS:,} characters, not {len(text):,}", param=param)
    return text
