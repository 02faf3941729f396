"""Given a store of some schema, when it is migrated, then it is at the newest one or as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import msgspec
import pytest

from sensorium.errors import StoreError
from sensorium.persona import Persona, VoiceRef
from sensorium.recipe import Budgets, FloorRules, Recipe
from sensorium.store import personas, recipes, rooms, schema, seed, voices
from sensorium.store.database import APPLICATION_ID, Database
from sensorium.store.voices import Voice


@pytest.fixture
def db() -> Iterator[Database]:
    database = apsw.Connection(":memory:")
    yield database
    database.close()


PATH = Path("sensorium.db")


def test_an_empty_store_is_filled_once(db: Database) -> None:
    filled: list[Database] = []
    schema.migrate(db, PATH, filled.append)
    schema.migrate(db, PATH, filled.append)
    assert filled == [db]
    assert db.pragma("user_version") == len(schema.STEPS)
    assert db.pragma("application_id") == APPLICATION_ID


def test_an_older_store_takes_only_the_steps_that_it_lacks(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "STEPS", ("CREATE TABLE a (x); INSERT INTO a VALUES (1)",))
    schema.migrate(db, PATH, lambda _: None)
    monkeypatch.setattr(
        schema, "STEPS", (*schema.STEPS, "CREATE TABLE b (x)", "INSERT INTO b SELECT x + 1 FROM a")
    )
    schema.migrate(db, PATH, lambda _: pytest.fail("only an empty store is filled"))
    assert db.execute("SELECT x FROM b").get == 2
    assert db.pragma("user_version") == 3


def test_a_step_that_fails_leaves_the_store_as_it_was(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "STEPS", ("CREATE TABLE a (x)",))
    schema.migrate(db, PATH, lambda _: None)
    monkeypatch.setattr(
        schema, "STEPS", (*schema.STEPS, "CREATE TABLE b (x)", "INSERT INTO nowhere VALUES (1)")
    )
    with pytest.raises(apsw.SQLError):
        schema.migrate(db, PATH, lambda _: None)
    assert db.pragma("user_version") == 1
    assert db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'b'").get == 0


def test_a_fill_that_fails_leaves_the_store_empty(db: Database) -> None:
    def fail(_: Database) -> None:
        raise KeyError("a shipped persona is broken")

    with pytest.raises(KeyError):
        schema.migrate(db, PATH, fail)
    assert db.pragma("user_version") == 0
    assert db.execute("SELECT count(*) FROM sqlite_schema").get == 0


def test_a_store_from_before_voices_keeps_its_personas_and_gets_the_table(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = schema.STEPS
    monkeypatch.setattr(schema, "STEPS", steps[:1])
    schema.migrate(db, PATH, seed_one)
    monkeypatch.setattr(schema, "STEPS", steps)
    schema.migrate(db, PATH, lambda _: pytest.fail("only an empty store is filled"))
    assert db.pragma("user_version") == len(steps) > 1
    voice = Voice(
        name="warm", sha256="ab" * 32, num_bytes=1, licence="MIT", attribution="A", consent="c", added_at=1.0
    )
    voices.add(db, voice)
    assert voices.assign(db, "maya", voice.ref).voice_ref == voice.ref


def test_a_store_from_before_bundles_had_voices_gives_them_to_who_ships_and_has_none(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = schema.STEPS
    own = VoiceRef("warm", "ab" * 32)

    def before(db: Database) -> None:
        for persona in seed.shipped_personas():
            personas.put(db, msgspec.structs.replace(persona, voice_adapter_id=None))
        personas.put(db, Persona(id="hugo", name="Hugo", voice_adapter_id=str(own)))
        personas.put(db, Persona(id="zoe", name="Zoe"))

    monkeypatch.setattr(schema, "STEPS", steps[:2])
    schema.migrate(db, PATH, before)
    # A record from before there were voices at all.
    db.execute("UPDATE personas SET record = json_remove(record, '$.voice_adapter_id') WHERE id = 'leo'")
    monkeypatch.setattr(schema, "STEPS", steps)
    schema.migrate(db, PATH, lambda _: pytest.fail("only an empty store is filled"))
    found = {p.id: p for p in personas.all_of(db)}
    assert found["hugo"].voice_ref == own and found["zoe"].voice_ref is None
    for persona in seed.shipped_personas():
        assert persona.id == "hugo" or found[persona.id] == persona


def test_who_was_left_without_a_voice_later_stays_without(db: Database) -> None:
    schema.migrate(db, PATH, seed_one)
    voices.assign(db, "maya", None)
    schema.migrate(db, PATH, seed_one)
    assert personas.get(db, "maya").voice_ref is None


def seed_one(db: Database) -> None:
    personas.put(db, Persona(id="maya", name="Maya"))


def test_a_newer_schema_is_refused(db: Database) -> None:
    db.pragma("user_version", len(schema.STEPS) + 1)
    with pytest.raises(StoreError, match="newer"):
        schema.migrate(db, PATH, lambda _: None)


def test_a_store_from_before_recipes_had_tables_keeps_them_and_gets_what_ships(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = (
        '{"name":"%s","text":"%s","floor":"%s","max_reply_tokens":%d,"sampling":{"temperature":0.0,"top_k":0,'
        '"top_p":1.0,"min_p":0.0,"repeat_penalty":1.0,"repeat_last_n":64,"seed":0,"grammar":""}}'
    )
    kept = {
        "default": old % ("default", "", "addressed", 64),
        "quiz": old % ("quiz", "Hm.", "round_robin", 9),
    }

    def fill(filled: Database) -> None:
        for name, record in kept.items():
            filled.execute("INSERT INTO recipes VALUES (?, ?)", (name, record))
        filled.execute("INSERT INTO rooms VALUES ('den', 'den', 'quiz', 1.0)")

    steps = schema.STEPS
    monkeypatch.setattr(schema, "STEPS", steps[:3])
    schema.migrate(db, PATH, fill)
    monkeypatch.setattr(schema, "STEPS", steps)
    schema.migrate(db, PATH, lambda _: pytest.fail("only an empty store is filled"))

    assert recipes.own(db) == ["quiz"]
    assert recipes.get(db, "quiz") == rooms.get(db, "den").recipe
    assert recipes.get(db, "quiz") == Recipe(
        name="quiz",
        text="Hm.",
        floor=FloorRules(policy="round_robin"),
        budgets=Budgets(max_reply_tokens=9),
    )
    assert [r.name for r in recipes.all_of(db)] == ["circle", "default", "quiz", "salon", "stand-up"]
