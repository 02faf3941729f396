"""Given a file, when it is opened as a store, then it is whole or refused; acknowledged is on disk."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from pathlib import Path

import apsw
import pytest

from sensorium.errors import BadInput, NotFound, StoreError
from sensorium.history import Entry
from sensorium.persona import Persona
from sensorium.store import media, messages, personas, rooms
from sensorium.store.database import Database
from sensorium.store.store import Store

ROOM = "living-room"


def _say(store: Store, text: str) -> Future[Entry]:
    return store.submit(messages.append, ROOM, "person", text, at_s=1.0, speaker_id="sam", speaker_name="Sam")


def _count(db: Database) -> int:
    return int(db.execute("SELECT count(*) FROM messages").get)


def _integrity(db: Database) -> str:
    return str(db.pragma("integrity_check"))


def test_a_new_store_is_created_with_its_folder(store: Store) -> None:
    assert store.path.is_file()
    assert store.read(_integrity).result() == "ok"


def test_an_acknowledged_message_is_seen_by_another_process_at_once(store: Store) -> None:
    entry = _say(store, "hello").result()
    other = apsw.Connection(str(store.path))
    assert other.execute("SELECT text FROM messages WHERE id = ?", (entry.id,)).get == "hello"
    other.close()


def test_a_long_conversation_is_not_held_in_memory(store: Store) -> None:
    said = "something long that nobody will read again " * 100
    for future in [_say(store, said) for _ in range(300)]:
        future.result()

    def cached(db: Database) -> int:
        return int(db.status(apsw.SQLITE_DBSTATUS_CACHE_USED)[0])

    assert store.read(lambda db: len(db.execute("SELECT text FROM messages").fetchall())).result() == 300
    assert len(said) * 300 > 1_200_000
    assert store.read(cached).result() < 400_000
    assert store.submit(cached).result() < 400_000


def test_edits_survive_and_the_seed_does_not_come_back(store: Store) -> None:
    store.submit(rooms.leave, ROOM, "maya", at_s=1.0).result()
    store.submit(personas.remove, "maya").result()
    store.submit(personas.put, Persona(id="ada", name="Ada", facts={"likes": "rain"})).result()
    store.close()
    with Store.open(store.path) as again:
        assert again.read(personas.get, "ada").result().facts == {"likes": "rain"}
        with pytest.raises(NotFound):
            again.read(personas.get, "maya").result()


def test_a_refused_write_leaves_nothing_behind(store: Store) -> None:
    def half(db: Database) -> None:
        messages.append(db, ROOM, "event", "half of it", at_s=1.0)
        raise BadInput("the other half is wrong")

    with pytest.raises(BadInput, match="other half"):
        store.submit(half).result()
    assert store.read(_count).result() == 0


def test_writes_that_wait_together_share_a_batch_and_one_that_fails_fails_alone(store: Store) -> None:
    gate = threading.Event()
    held = store.submit(lambda db: gate.wait(10))
    before = [_say(store, "one"), _say(store, "two")]
    refused = _say(store, "")
    broken = store.submit(messages.append, "no-such-room", "event", "lost", at_s=1.0)
    after = _say(store, "three")
    gate.set()
    assert held.result(10)
    assert [f.result(10).text for f in (*before, after)] == ["one", "two", "three"]
    with pytest.raises(BadInput):
        refused.result(10)
    with pytest.raises(StoreError, match="refused"):
        broken.result(10)
    assert store.read(_count).result() == 3


def test_ids_only_grow_even_after_the_last_message_was_taken_away(store: Store) -> None:
    first = _say(store, "one").result()
    store.submit(lambda db: db.execute("DELETE FROM messages") and None).result()
    assert _say(store, "two").result().id > first.id


@pytest.mark.anyio
async def test_a_write_happens_although_its_waiter_is_cancelled(store: Store) -> None:
    gate = threading.Event()
    store.submit(lambda db: gate.wait(10))
    waiter = asyncio.ensure_future(asyncio.wrap_future(_say(store, "what was said is said")))
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    gate.set()
    await asyncio.wrap_future(_say(store, "after"))
    said = await asyncio.wrap_future(store.read(messages.entries, ROOM, 10))
    assert [entry.text for entry in said] == ["what was said is said", "after"]


@pytest.mark.anyio
async def test_many_tasks_may_write_at_once(store: Store) -> None:
    entries = await asyncio.gather(*(asyncio.wrap_future(_say(store, f"line {i}")) for i in range(300)))
    assert [entry.text for entry in sorted(entries, key=lambda e: e.id)] == [f"line {i}" for i in range(300)]


def test_a_read_cannot_write(store: Store) -> None:
    with pytest.raises(StoreError):
        store.read(messages.append, ROOM, "event", "sneaked in", at_s=1.0).result()
    assert store.read(_count).result() == 0


def test_a_read_of_several_statements_sees_one_moment(store: Store) -> None:
    def twice(db: Database) -> tuple[int, int]:
        first = _count(db)
        _say(store, "meanwhile").result(10)
        return first, _count(db)

    assert store.read(twice).result(10) == (0, 0)
    assert store.read(_count).result() == 1


def test_closing_writes_what_is_queued_and_may_be_repeated(store: Store) -> None:
    last = [_say(store, f"line {i}") for i in range(20)][-1]
    store.close()
    store.close()
    assert last.result(0).text == "line 19"
    with pytest.raises(RuntimeError, match="closed"):
        _say(store, "too late")


def test_a_full_disk_is_said_so_loses_nothing_and_passes(store: Store) -> None:
    _say(store, "before").result()
    pages = store.submit(lambda db: db.pragma("page_count")).result()
    store.submit(lambda db: db.pragma("max_page_count", pages + 2)).result()
    with pytest.raises(StoreError, match="the disk is full"):
        store.submit(media.put, bytes(200_000), "audio/wav").result()
    _say(store, "small things still fit").result()
    store.submit(lambda db: db.pragma("max_page_count", 1_000_000)).result()
    store.submit(media.put, bytes(200_000), "audio/wav").result()
    assert [e.text for e in store.read(messages.entries, ROOM, 9).result()] == [
        "before",
        "small things still fit",
    ]
    assert store.read(_integrity).result() == "ok"


def test_on_a_full_disk_the_small_writes_of_a_batch_are_kept(store: Store) -> None:
    pages = store.submit(lambda db: db.pragma("page_count")).result()
    store.submit(lambda db: db.pragma("max_page_count", pages + 2)).result()
    gate = threading.Event()
    store.submit(lambda db: gate.wait(10))
    small, large, after = (
        _say(store, "one"),
        store.submit(media.put, bytes(200_000), "audio/wav"),
        _say(store, "two"),
    )
    gate.set()
    assert (small.result(10).text, after.result(10).text) == ("one", "two")
    with pytest.raises(StoreError, match="the disk is full"):
        large.result(10)


@pytest.mark.parametrize(
    "content", [b"this is a diary, not a database. " * 40, bytes(5000), b"SQLite format 3\0" * 90]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "diary.txt"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"diary\.txt") as caught:
        Store.open(path)
    assert caught.value.remedy
    assert path.read_bytes() == content


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    other = apsw.Connection(str(path))
    other.execute("CREATE TABLE recipes (cake TEXT)")
    other.close()
    content = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        Store.open(path)
    assert path.read_bytes() == content


def test_a_store_of_a_newer_schema_is_refused_and_left_alone(store: Store) -> None:
    store.submit(lambda db: db.pragma("user_version", 99)).result()
    store.close()
    content = store.path.read_bytes()
    with pytest.raises(StoreError, match="newer") as caught:
        Store.open(store.path)
    assert caught.value.remedy == "upgrade sensorium"
    assert store.path.read_bytes() == content


def test_a_folder_in_the_way_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(tmp_path)


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "house").write_text("a file")
    with pytest.raises(StoreError, match="cannot be used"):
        Store.open(tmp_path / "house" / "sensorium.db")


def test_a_store_locked_by_another_process_is_said_so_and_works_again_after(store: Store) -> None:
    other = apsw.Connection(str(store.path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another process"):
        _say(store, "hello").result()
    other.execute("ROLLBACK")
    assert _say(store, "hello").result().text == "hello"
    other.close()


def test_a_store_may_be_opened_while_another_process_writes(store: Store) -> None:
    other = apsw.Connection(str(store.path))
    other.execute("BEGIN IMMEDIATE")
    with Store.open(store.path, busy_ms=50) as second:
        assert second.read(rooms.get, ROOM).result().id == ROOM
    other.execute("ROLLBACK")
    other.close()


def test_two_that_open_a_new_store_at_once_seed_it_once(tmp_path: Path) -> None:
    path = tmp_path / "sensorium.db"
    opened: list[Store] = []
    threads = [threading.Thread(target=lambda: opened.append(Store.open(path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert len(opened) == 4
        assert len(opened[0].read(rooms.all_of).result()) == 1
    finally:
        for store in opened:
            store.close()
