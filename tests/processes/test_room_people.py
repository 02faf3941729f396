"""Given several people in one room, when they speak at once or a process dies, then nobody is lost."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.processes.commands import Place, all_gone, workers_of
from tests.processes.test_room_served import QUESTION, Open, Page, of_kind, opened, speak

from sensorium.audio import read_wav, to_int16
from sensorium.wire import events, page

RATE_HZ = 16_000
ASKS = {"alice": ("01-maya-likes", "maya what do you like"), "bob": ("03-ada-home", "ada where do you live")}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(Path("nano"), tmp_path)


@pytest.fixture
def room(place: Place) -> Iterator[tuple[Open, Any]]:
    with opened(place) as (link, child):
        yield link, child


def sound_of(name: str) -> bytes:
    wav = read_wav(QUESTION.parent / f"{name}.wav")
    assert wav.sample_rate_hz == RATE_HZ
    return to_int16(wav.samples).astype("<i2").tobytes()


def test_two_open_microphones_are_both_heard_and_one_voice_speaks_at_a_time(room: tuple[Open, Any]) -> None:
    link, _ = room
    with Page(link, "Alice") as alice, Page(link, "Bob") as bob:
        people = {"alice": alice, "bob": bob}
        for somebody in people.values():
            somebody.welcome()
            somebody.send(page.OpenMicrophone(RATE_HZ))
        together = threading.Barrier(2)

        def talk(name: str) -> None:
            together.wait()
            speak(people[name], sound_of(ASKS[name][0]) + bytes(2 * RATE_HZ * 10), RATE_HZ)

        def listen(name: str) -> None:
            for _ in range(2):
                people[name].until(events.TurnEnded)

        # when both speak in the same second, and their microphones stay open
        with ThreadPoolExecutor() as at_once:
            for done in [at_once.submit(do, name) for do in (talk, listen) for name in people]:
                done.result()
        asked_by = {b.turn_id: b.person_id for b in of_kind(alice.seen, events.TurnBegan)}
        ended = {asked_by[e.turn_id]: e for e in of_kind(alice.seen, events.TurnEnded)}

        # then each was heard as themselves, by everybody, and what one said is in no caption of the other's
        for seen in (alice.seen, bob.seen):
            said = {m.speaker_id: m.text for m in of_kind(seen, events.Message) if m.kind == "person"}
            assert said == {name: words for name, (_, words) in ASKS.items()}
            for caption in of_kind(seen, events.Hearing):
                assert set(caption.text.split()) <= set(ASKS[caption.person_id][1].split())
        # and each was answered by whom they called, unless the other one's words stopped it
        assert [ended[name].persona_id for name in ASKS] == ["maya", "ada"]
        last = ended[asked_by[max(asked_by)]]
        assert last.outcome == "done" and {e.outcome for e in ended.values()} <= {"done", "interrupted"}
        # and one voice at a time
        speaking = 0
        for record in alice.seen:
            if isinstance(record, events.TurnBegan):
                assert not speaking
                speaking = record.turn_id
            elif isinstance(record, events.TurnEnded):
                speaking = 0
            elif isinstance(record, page.Audio):
                assert record.turn_id == speaking


def test_guests_stay_when_the_mind_dies(room: tuple[Open, Any]) -> None:
    link, child = room
    with Page(link, "Alice") as alice, Page(link, "Bob") as bob:
        alice.welcome(), bob.welcome()
        (mind,) = (w for w in workers_of(child) if "sensorium.workers.llm" in w.cmdline())
        mind.kill()
        assert bob.until(events.WorkerDown).worker == "llm"
        assert bob.until(events.WorkerUp).worker == "llm"

        ended = alice.say("maya what do you like")

        assert ended.outcome == "done" and bob.until(events.TurnEnded).turn_id == ended.turn_id
        with Page(link, "Carol") as carol:
            assert [p.id for p in carol.welcome().people] == ["sam", "alice", "bob", "carol"]


def test_a_front_that_dies_is_opened_again_with_the_whole_room(place: Place) -> None:
    with opened(place) as (link, child):
        with Page(link, "Alice") as alice:
            session = alice.welcome().session
            ended = alice.say("maya what do you like")
            workers = workers_of(child)
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        assert all_gone(workers)

    # when it is started again, and the page comes back with what it has
    with opened(place) as (link, _):
        with Page(link, "Alice", session) as alice:
            welcome = alice.welcome()
            words = [m.text for m in welcome.history if m.kind != "event"]
            assert words == ["maya what do you like", ended.said]
            assert [p.id for p in welcome.people] == ["sam", "alice"]
            # it left with the front, and came in again
            moves = [m.text for m in welcome.history if m.kind == "event"]
            assert moves == ["Alice comes in", "Alice leaves", "Alice comes in"]
            again = alice.say("and where do you live")
            assert again.outcome == "done" and again.turn_id > ended.turn_id
            newest = max(m.entry_id for m in welcome.history)
        with Page(link, "Alice", welcome.session, newest) as alice:
            assert [m.text for m in alice.welcome().history] == ["and where do you live", again.said]
