"""What the page and those who watch over the room read by HTTP, and the one thing that they may change: the
recipe by which it is played. The door has asked by then whether they may."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sensorium import __version__
from sensorium.errors import BadInput, NotFound
from sensorium.front import prometheus
from sensorium.front.house import House
from sensorium.front.server.doors import Door
from sensorium.front.told import message, recipe_card
from sensorium.store import messages, recipes
from sensorium.wire import page
from sensorium.wire.events import Member, Message, RecipeCard

HEALTH_PATH = "/healthz"
ENTER_PATH = "/api/enter"
_JSON = "application/json"
_MAX_BODY_BYTES = 4_096
T = TypeVar("T")
_Endpoint = Callable[[Request], Awaitable[Response]]
# The first measurement is taken a second after the room was opened.
_SOON = {"retry-after": "1"}


class Room(msgspec.Struct, frozen=True):
    """Who is here, by what they play, and what the room can do now."""

    room: Member
    recipe: RecipeCard
    personas: tuple[page.PersonaCard, ...]
    people: tuple[Member, ...]
    hears: bool
    speaks: bool
    sees: bool
    protocol: int


class History(msgspec.Struct, frozen=True):
    """A piece of the conversation, oldest first."""

    messages: tuple[Message, ...]


class Personas(msgspec.Struct, frozen=True):
    personas: tuple[page.PersonaCard, ...]


class Recipes(msgspec.Struct, frozen=True):
    """All that a room can be played by; `current` is the name of this one's."""

    current: str
    recipes: tuple[RecipeCard, ...]


class Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The recipe to play by, by name."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Health(msgspec.Struct, frozen=True):
    """`workers`: the processes that are up."""

    status: str
    workers: tuple[str, ...]


class _Told(NamedTuple):
    """One path for the OpenAPI document. `parameters`: name to (kind, meaning)."""

    path: str
    summary: str
    answer: type[msgspec.Struct] | str
    parameters: dict[str, tuple[str, str]]
    method: str = "get"
    body: type[msgspec.Struct] | None = None


_HISTORY_PARAMETERS = {
    "before": ("integer", "entry_id; only older messages. Without it the newest"),
    "count": ("integer", f"at most so many, 1 to {page.MAX_HISTORY}"),
}
_TOLD = (
    _Told("/api/room", "Who is here, and what the room can do.", Room, {}),
    _Told("/api/history", "The conversation, piece by piece.", History, _HISTORY_PARAMETERS),
    _Told("/api/personas", "The personas of the room.", Personas, {}),
    _Told("/api/recipes", "What a room can be played by.", Recipes, {}),
    _Told("/api/recipe", "Plays the room by another recipe.", RecipeCard, {}, "put", Chosen),
    _Told(ENTER_PATH, "Gives the room's token (as a bearer) for a cookie.", "nothing", {}, "post"),
    _Told("/metrics", "Prometheus text, exposition format 0.0.4.", "text", {}),
    _Told("/stats", "Everything that is measured, as `sensorium stats --json` tells it.", "object", {}),
    _Told(HEALTH_PATH, "Are all parts of the house up?", Health, {}),
)


def routes(house: House, door: Door) -> list[Route]:
    """All of them, with the document that describes them."""
    described = msgspec.json.encode(openapi())

    async def room(request: Request) -> Response:
        room = house.room
        return _json(
            Room(
                room=Member(room.room.id, room.room.name),
                recipe=recipe_card(room.room.recipe),
                personas=_cards(house),
                people=tuple(Member(p.id, p.name) for p in room.room.people),
                hears=house.hearing is not None and room.room.recipe.senses.hearing,
                speaks=house.speech is not None,
                sees=house.vision is not None and room.room.recipe.senses.vision,
                protocol=page.PROTOCOL,
            )
        )

    async def history(request: Request) -> Response:
        before = _number(request, "before", 2**53 - 1, 2**53 - 1)
        count = _number(request, "count", page.MAX_HISTORY, page.MAX_HISTORY)
        reading = house.store.read(messages.before, house.room.room.id, before, count)
        found = await asyncio.wrap_future(reading)
        return _json(History(tuple(message(m.entry, m.turn_id) for m in found)))

    async def personas(request: Request) -> Response:
        return _json(Personas(_cards(house)))

    async def enter(request: Request) -> Response:
        """The door has seen the token by now."""
        answer = Response(status_code=204)
        if door.token:
            answer.set_cookie(door.cookie, door.token, httponly=True, samesite="strict", path="/")
        return answer

    async def metrics(request: Request) -> Response:
        if not (measured := house.measured()):
            return Response(status_code=503, headers=_SOON)
        return Response(prometheus.text(measured), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def stats(request: Request) -> Response:
        measured = house.measured()
        return _json(measured) if measured else Response(status_code=503, headers=_SOON)

    async def document(request: Request) -> Response:
        return Response(described, media_type=_JSON)

    of_recipes: tuple[_Endpoint, ...] = (partial(_recipes, house), partial(_play_by, house))
    health: _Endpoint = partial(_health, house)
    endpoints = (room, history, personas, *of_recipes, enter, metrics, stats, health)
    return [
        *(
            Route(told.path, _answering(endpoint), methods=[told.method.upper()])
            for told, endpoint in zip(_TOLD, endpoints, strict=True)
        ),
        Route("/openapi.json", _answering(document)),
    ]


def openapi() -> dict[str, Any]:
    """OpenAPI 3.1 of everything here."""
    kinds = [kind for told in _TOLD for kind in (told.answer, told.body) if isinstance(kind, type)]
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    by_kind = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, Any] = {}
    for told in _TOLD:
        answers: dict[str, Any] = {"description": told.summary}
        if not isinstance(told.answer, str):
            answers["content"] = {_JSON: {"schema": by_kind[told.answer]}}
        elif told.answer != "nothing":
            kind = "text/plain" if told.answer == "text" else _JSON
            answers["content"] = {kind: {"schema": {"type": "string" if told.answer == "text" else "object"}}}
        parameters = [
            {"name": name, "in": "query", "schema": {"type": kind}, "description": meaning}
            for name, (kind, meaning) in told.parameters.items()
        ]
        status = "204" if told.answer == "nothing" else "200"
        operation = {"summary": told.summary, "parameters": parameters, "responses": {status: answers}}
        if told.body is not None:
            operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": by_kind[told.body]}}}
        paths[told.path] = {told.method: operation}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sensorium: the room", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


async def _health(house: House, _request: Request) -> Response:
    up, all_up = house.workers_up()
    return _json(Health("ok" if all_up else "recovering", up), 200 if all_up else 503)


async def _recipes(house: House, _request: Request) -> Response:
    found = await asyncio.wrap_future(house.store.read(recipes.all_of))
    return _json(Recipes(house.room.room.recipe.name, tuple(recipe_card(r) for r in found)))


async def _play_by(house: House, request: Request) -> Response:
    """Everybody in the room is told of it, and it holds from the next turn on."""
    await house.use_recipe(_read(await _body(request), Chosen).name)
    return _json(recipe_card(house.room.room.recipe))


def _answering(endpoint: _Endpoint) -> _Endpoint:
    async def answer(request: Request) -> Response:
        try:
            found = await endpoint(request)
        except BadInput as e:
            error = {"error": {"code": e.code, "message": e.message, "remedy": e.remedy}}
            status = 404 if isinstance(e, NotFound) else 400
            found = Response(msgspec.json.encode(error), status, media_type=_JSON)
        found.headers["cache-control"] = "no-store"
        return found

    return answer


def _cards(house: House) -> tuple[page.PersonaCard, ...]:
    return tuple(page.PersonaCard(p.id, p.name, p.description) for p in house.room.personas)


def _number(request: Request, name: str, default: int, most: int) -> int:
    given = request.query_params.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdecimal() and len(given) <= 16 and 1 <= int(given) <= most):
        raise BadInput(f"{name} is a whole number from 1 to {most}")
    return int(given)


async def _body(request: Request) -> bytes:
    """The door has seen to it that there is a length."""
    if int(request.headers.get("content-length", "0")) > _MAX_BODY_BYTES:
        raise BadInput(f"this body has at most {_MAX_BODY_BYTES:,} bytes")
    return await request.body()


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise BadInput(f"this is not what is expected here: {' '.join(str(e).split())}") from e


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type=_JSON)
