"""One room as the front keeps it: who is in it, what was said, what each persona recalls.

Everything that counts is in the store first and here second. Knows nothing of models, prompts or sound.
"""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import Future

import msgspec

from sensorium.clock import Clock
from sensorium.dialogue import facts
from sensorium.dialogue.asked import Asked
from sensorium.dialogue.floor import Choice, Floor, RoomNow, Seat
from sensorium.dialogue.touch import Touches
from sensorium.dialogue.transcript import KEPT_ENTRIES, Transcript
from sensorium.errors import BadInput, NotFound
from sensorium.front.happenings import Tell, to_nobody
from sensorium.front.listening import as_called
from sensorium.front.told import members, message, recipe_card
from sensorium.front.vision_link import Sight
from sensorium.history import Entry, EntryKind
from sensorium.persona import Persona
from sensorium.prompting import window
from sensorium.prompting.view import Rows, Tool, View
from sensorium.recipe import Sense
from sensorium.store import memories, messages, rooms
from sensorium.store.people import Person
from sensorium.store.store import Store
from sensorium.wire.events import RecipeChanged

_RECALLED = 3
_LEAST_CHARS = 100


class RoomState:
    """Made by `open`. `max_chars` is how much of the conversation a prompt may hold; `prose`: the mind reads
    any sentence, not only those of a closed world."""

    def __init__(
        self,
        store: Store,
        room: rooms.Room,
        entries: list[Entry],
        clock: Clock,
        max_chars: int,
        touches: Touches,
        tell: Tell = to_nobody,
    ) -> None:
        self._store = store
        self._clock = clock
        self._max_chars = max_chars
        self._transcript = Transcript(entries)
        self.room = room
        self.percepts: tuple[str, ...] = ()
        self.touches = touches
        self._tell = tell
        # What personas may call here, as their minds are told of it.
        self.tools: tuple[Tool, ...] = ()
        self.pictures: tuple[Sight, ...] = ()
        self._pictures_until_s = math.inf
        self.asked = Asked()

    @classmethod
    async def open(
        cls,
        store: Store,
        room_id: str,
        clock: Clock,
        *,
        max_chars: int,
        prose: bool = True,
        tell: Tell = to_nobody,
    ) -> RoomState:
        """`tell` hears of every message and of who comes and goes. Raises NotFound with the nearest room."""
        room = await asyncio.wrap_future(store.read(rooms.get, room_id))
        entries = await asyncio.wrap_future(store.read(messages.entries, room.id, KEPT_ENTRIES))
        return cls(store, room, entries, clock, max_chars, Touches(prose=prose), tell)

    @property
    def personas(self) -> tuple[Persona, ...]:
        return self.room.personas

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All of the conversation that is in memory, oldest first."""
        return self._transcript.entries

    @property
    def last_entry(self) -> Entry | None:
        entries = self._transcript.entries
        return entries[-1] if entries else None

    def persona(self, name: str) -> Persona:
        """By id or spoken name, whatever the case. Raises NotFound with the nearest."""
        wanted = name.strip().lower()
        for persona in self.personas:
            if wanted in (persona.id, persona.name.lower()):
                return persona
        raise NotFound.named(f"persona in {self.room.id}", name, [p.id for p in self.personas])

    def person(self, name: str) -> Person:
        """Raises NotFound with who is here."""
        wanted = name.strip().lower()
        for person in self.room.people:
            if wanted in (person.id, person.name.lower()):
                return person
        raise NotFound.named(f"person in {self.room.id}", name, [p.id for p in self.room.people])

    @property
    def floor(self) -> Floor:
        """By the rules of the recipe as it is now."""
        return Floor(self.room.recipe.floor)

    def now(self) -> RoomNow:
        """What the floor needs to know."""
        seats = tuple(Seat(p.id, p.name) for p in self.personas)
        return self.asked.now(seats, self.entries, self._clock.wall_s())

    def follow(self) -> tuple[Choice, Entry | None]:
        """Who speaks on after what was said last, and what they answer; None: there is nothing to."""
        return self.asked.follow(self.floor, self.now(), self.entries)

    def check_sense(self, sense: Sense) -> None:
        """Raises BadInput where the recipe has it off."""
        recipe = self.room.recipe
        if not getattr(recipe.senses, sense):
            raise BadInput(
                f"{sense} is off in this room: its recipe is {recipe.name!r}",
                remedy="write instead, or choose another recipe" if sense == "hearing" else "",
            )

    async def use_recipe(self, name: str) -> None:
        """Played by it from now on, also after the next start. Raises NotFound with the nearest."""
        changed = await asyncio.wrap_future(self._store.submit(rooms.set_recipe, self.room.id, name))
        # Who is here may have changed meanwhile.
        self.room = msgspec.structs.replace(self.room, recipe=changed.recipe)
        if not changed.recipe.senses.vision:
            self.pictures, self._pictures_until_s = (), math.inf
        if not changed.recipe.senses.touch:
            self.touches.forget()
        self._tell(RecipeChanged(recipe_card(changed.recipe)))

    def see(self, sight: Sight, *, until_s: float = math.inf) -> None:
        """Everybody here sees this from now on, and no longer what was seen before; until `until_s`
        (monotonic)."""
        # One that was looked at while the recipe changed is not wanted any more.
        if self.room.recipe.senses.vision:
            self.pictures, self._pictures_until_s = (sight,), until_s

    def still_sees(self, sight: Sight, *, until_s: float) -> None:
        """The same is there, if it is in view at all."""
        if [seen.look_id for seen in self.pictures] == [sight.look_id]:
            self._pictures_until_s = until_s

    @property
    def in_view(self) -> tuple[str, ...]:
        """Everything that is in view, in words; minds read it as rows."""
        return tuple(thing for sight in self.pictures for thing in sight.things)

    def forget_old(self) -> None:
        """What no camera shows any more goes out of view. Only here, so that a prompt and the rows that it
        names agree."""
        if self._clock.now_s() >= self._pictures_until_s:
            self.pictures, self._pictures_until_s = (), math.inf

    async def heard(self, person: Person, text: str, turn_id: int, *, called: bool = False) -> Entry:
        """A person's message; on disk when this returns, and only then part of the conversation. `called`:
        they meant a persona by name."""
        entry = await self._append("person", text, person.id, person.name, turn_id=turn_id)
        self.asked = Asked(called=called)
        return entry

    async def happened(self, text: str, turn_id: int = 0) -> Entry:
        """What nobody said, and minds read of, e.g. what a tool gave."""
        return await self._append("event", text, "", "", turn_id=turn_id)

    async def said(
        self, persona: Persona, text: str, turn_id: int, *, spoken: str = "", heard_samples: int = 0
    ) -> Entry:
        """A persona's reply, `text` being what was heard of `spoken`."""
        who, heard = (persona.id, persona.name), heard_samples
        return await self._append("persona", text, *who, turn_id=turn_id, spoken=spoken, heard_samples=heard)

    async def join(self, name: str, *, guest: bool = False) -> None:
        """Raises NotFound, or BadInput when it is here already or the room is full."""
        at_s = self._clock.wall_s()
        await self._change(self._store.submit(rooms.join, self.room.id, name, at_s=at_s, guest=guest))

    async def leave(self, name: str) -> None:
        """Raises NotFound when it is not here."""
        await self._change(self._store.submit(rooms.leave, self.room.id, name, at_s=self._clock.wall_s()))

    def history(self, *, before: Entry | None = None) -> tuple[Entry, ...]:
        """The conversation as a prompt shows it, up to `before`."""
        entries = self.entries if before is None else (e for e in self.entries if e.id < before.id)
        return window.recent(tuple(entries), self._max_chars)

    def shorten(self) -> bool:
        """Shows half as much from now on; False when that would be too little to be of use."""
        if self._max_chars < 2 * _LEAST_CHARS:
            return False
        self._max_chars //= 2
        return True

    def view(
        self,
        persona: Persona,
        *,
        newest: Entry | None = None,
        recalled: tuple[str, ...] = (),
        heard: tuple[Rows | str, ...] = (),
        instructions: str = "",
        asked: bool = False,
        again: bool = False,
    ) -> View:
        """All that the persona's prompt is made of, at this moment; `heard`: how `newest` came by ear.

        `instructions` are for this reply. `asked`: by other means than its name, which the prompt has before
        the words then. `again`: `newest` stands in the history and has been read there.
        """
        if asked and not again and newest is not None:
            newest, heard = as_called(persona.name, newest, heard)
        self.forget_old()
        names = {someone.id: someone.name for someone in self.personas}
        touches = self.touches.percepts(persona.id, names, self._clock.now_s())
        return View(
            persona=persona,
            recipe=self.room.recipe,
            room_id=self.room.id,
            tools=self.tools,
            history=self.history(before=None if again else newest),
            personas_here=tuple(p.name for p in self.personas),
            people_here=tuple(p.name for p in self.room.people),
            memories=recalled,
            percepts=(*self.percepts, *touches),
            pictures=tuple(sight.rows for sight in self.pictures),
            wall_s=self._clock.wall_s(),
            utc_offset_s=self._clock.utc_offset_s(),
            newest=newest,
            heard=heard,
            instructions=instructions,
        )

    async def recall(self, persona: Persona, words: str) -> tuple[str, ...]:
        """What these words remind the persona of, best last, without what its prompt shows anyway."""
        visible = {e.at_s for e in self.history()}
        found = await asyncio.wrap_future(
            self._store.read(memories.recall, persona.id, words, _RECALLED + len(visible))
        )
        kept = [m.text for m in found if m.at not in visible][:_RECALLED]
        return tuple(reversed(kept))

    async def remember(self, persona: Persona, entry: Entry) -> None:
        """Keeps what the message states about its speaker, stamped with the message's own time."""
        fact = facts.stated(entry.text, entry.speaker_name, [p.name for p in self.personas])
        if fact is not None:
            await asyncio.wrap_future(self._store.submit(memories.add, persona.id, fact, entry.at_s))

    async def _append(
        self,
        kind: EntryKind,
        text: str,
        speaker_id: str,
        speaker_name: str,
        *,
        turn_id: int,
        spoken: str = "",
        heard_samples: int = 0,
    ) -> Entry:
        entry = await asyncio.wrap_future(
            self._store.submit(
                messages.append,
                self.room.id,
                kind,
                text,
                at_s=self._clock.wall_s(),
                speaker_id=speaker_id,
                speaker_name=speaker_name,
                turn_id=turn_id,
                spoken=spoken,
                heard_samples=heard_samples,
            )
        )
        self._take(entry, turn_id)
        return entry

    def _take(self, entry: Entry, turn_id: int = 0) -> None:
        self._transcript.append(entry)
        self._tell(message(entry, turn_id))

    async def _change(self, changed: Future[rooms.Room]) -> None:
        # Whatever the store says by now, the recipe is changed by `use_recipe` alone, which tells of it.
        self.room = msgspec.structs.replace(await asyncio.wrap_future(changed), recipe=self.room.recipe)
        newest = self._transcript.entries[-1].id if len(self._transcript) else 0
        for entry in await asyncio.wrap_future(
            self._store.read(messages.entries, self.room.id, KEPT_ENTRIES)
        ):
            if entry.id > newest:
                self._take(entry)
        self._tell(members(self.room))
