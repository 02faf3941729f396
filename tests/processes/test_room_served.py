"""Given an open room, when pages come over real WebSockets, then they talk, interrupt and come back."""

from __future__ import annotations

import json
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import simplejpeg
from tests.processes.commands import Place, all_gone, workers_of
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

import sensorium.cli
from sensorium.audio import read_wav, to_int16
from sensorium.wire import events, page

QUESTION = Path(sensorium.cli.__file__).parent / "evening" / "01-maya-likes.wav"
TOKEN = "0123456789abcdef-token"
PATIENCE_S = 60.0


class Open(str):
    """A room's link, as `sensorium up` prints it."""

    @property
    def base(self) -> str:
        return self.partition("#")[0].rstrip("/")

    @property
    def at(self) -> str:
        """Host and port."""
        return self.base.removeprefix("http://")

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, Any]:
        """Status and body of a request."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.base + path, method=method, headers=named)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as e:
            with e:
                return e.code, e.read()


@contextmanager
def opened(place: Place, *options: str) -> Iterator[tuple[Open, Any]]:
    """The link and the process; at the end Ctrl-C, and nothing is left."""
    child = place.start("up", "--no-open", "--port", "0", "--json", *options)
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        assert line, child.stderr and child.stderr.read()
        yield Open(json.loads(line)["url"]), child
        if child.poll() is None:
            workers = workers_of(child)
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=PATIENCE_S)
            assert (child.returncode, out, err) == (130, "", "\n")
            assert len(workers) == 5 and all_gone(workers)
    finally:
        child.kill()
        child.communicate()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(Path("nano"), tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def own() -> list[psutil.Process]:
    """The room's process."""
    return []


@pytest.fixture(scope="module")
def room(place: Place, own: list[psutil.Process]) -> Iterator[Open]:
    with opened(place) as (link, child):
        own.append(psutil.Process(child.pid))
        yield link


class Page:
    """Somebody's page, without the page."""

    def __init__(self, room: Open, name: str, session: str = "", last_entry_id: int = 0, **more: Any) -> None:
        self.socket = connected(room, **more)
        self._decoder = page.Decoder(page.ToPage)
        self.seen: list[Any] = []
        self.sound: dict[int, bytes] = {}
        self.send(page.Join(name, page.PROTOCOL, session, last_entry_id))

    def send(self, record: page.Record, payload: bytes = b"") -> None:
        self.socket.send(page.encode(record, payload))

    def until(self, kind: type[Any], fits: Callable[[Any], bool] = lambda record: True) -> Any:
        """The next record of that kind; what came before it is in `seen`, sound in `sound`."""
        until_s = time.monotonic() + PATIENCE_S
        while True:
            message = self.socket.recv(timeout=until_s - time.monotonic())
            assert isinstance(message, bytes)
            record, payload = self._decoder.decode(message)
            if isinstance(record, page.Audio):
                had = self.sound.get(record.turn_id, b"")
                assert len(had) // 2 == record.first_sample
                self.sound[record.turn_id] = had + payload
            self.seen.append(record)
            if isinstance(record, kind) and fits(record):
                return record

    def welcome(self) -> page.Welcome:
        found: page.Welcome = self.until(page.Welcome)
        return found

    def say(self, text: str) -> events.TurnEnded:
        """And the answer's end."""
        self.send(page.Say(text))
        began = self.until(events.TurnBegan)
        ended: events.TurnEnded = self.until(events.TurnEnded, lambda e: e.turn_id == began.turn_id)
        return ended

    def closed(self) -> tuple[int, str]:
        """Why the room has ended the connection."""
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                self.socket.recv(timeout=PATIENCE_S)
        assert caught.value.rcvd is not None
        return caught.value.rcvd.code, caught.value.rcvd.reason

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def connected(room: Open, **more: Any) -> ClientConnection:
    settings = {
        "subprotocols": [page.SUBPROTOCOL],
        "compression": None,
        "max_size": None,
        "proxy": None,
        **more,
    }
    return connect(f"ws://{room.at}/room", **settings)


def speak(somebody: Page, pcm: bytes, rate_hz: int) -> None:
    """In real time, as a microphone does."""
    step = 2 * (rate_hz // 50)
    for at in range(0, len(pcm), step):
        somebody.send(page.Sound(), pcm[at : at + step])
        time.sleep(0.02)


def of_kind(records: list[Any], kind: type[Any]) -> list[Any]:
    return [record for record in records if isinstance(record, kind)]


def test_somebody_comes_in_asks_in_words_and_hears_the_answer(room: Open) -> None:
    with Page(room, "Alice") as alice:
        welcome = alice.welcome()
        ended = alice.say("maya what do you like")

    assert welcome.you == events.Member("alice", "Alice") and welcome.you in welcome.people
    assert [p.id for p in welcome.personas] == ["maya", "ada", "clara", "felix", "hugo", "ines"]
    assert welcome.camera and welcome.session
    assert ended.outcome == "done" and ended.persona_id == "maya" and ended.said
    question, answer = (m for m in of_kind(alice.seen, events.Message) if m.kind != "event")
    assert (question.speaker_id, question.text) == ("alice", "maya what do you like")
    assert (answer.speaker_id, answer.text) == ("maya", ended.said)
    assert of_kind(alice.seen, events.Writing)[-1].text == ended.said
    spoke = of_kind(alice.seen, events.Spoke)[-1]
    samples = np.frombuffer(alice.sound[ended.turn_id], "<i2")
    assert spoke.text == ended.said and spoke.until_sample <= len(samples)
    assert np.abs(samples.astype(np.int32)).max() > 1_000


def test_two_people_are_told_the_same_and_one_stops_the_reply(room: Open) -> None:
    with Page(room, "Alice") as alice, Page(room, "Bob") as bob:
        alice.welcome()
        assert "alice" in [p.id for p in bob.welcome().people]
        alice.until(events.Members)
        alice.send(page.Say("maya tell me about your job and what you like and where you live"))
        first = bob.until(page.Audio)
        bob.send(page.Heard(first.turn_id, 10))
        bob.send(page.Stop(first.turn_id))
        ended = [somebody.until(events.TurnEnded) for somebody in (alice, bob)]
        assert ended[0] == ended[1] and ended[0].outcome == "interrupted"
        assert all(of_kind(p.seen, events.Cleared) == [events.Cleared(first.turn_id)] for p in (alice, bob))
        # the room goes on, for the other one too
        after = bob.say("ada what is your job")
        assert after.outcome == "done" and after.persona_id == "ada"
        assert alice.until(events.TurnEnded).turn_id == after.turn_id


def test_a_spoken_question_is_heard_shown_and_answered(room: Open) -> None:
    sound = read_wav(QUESTION)
    pcm = to_int16(sound.samples).astype("<i2").tobytes()
    with Page(room, "Alice") as alice:
        alice.welcome()
        alice.send(page.OpenMicrophone(sound.sample_rate_hz, push_to_talk=True))
        speak(alice, pcm, sound.sample_rate_hz)
        alice.send(page.CloseMicrophone())
        began = alice.until(events.TurnBegan)
        ended = alice.until(events.TurnEnded)

    assert began.person_id == "alice" and ended.outcome == "done" and ended.bridge_calls["stt"] == 0
    heard = of_kind(alice.seen, events.Hearing)
    message = next(m for m in of_kind(alice.seen, events.Message) if m.turn_id == ended.turn_id)
    assert heard and all(h.person_id == "alice" for h in heard)
    assert message.text.lower().split() == heard[-1].text.lower().split() and "like" in message.text
    assert of_kind(alice.seen, events.Listening)[0].speaking
    assert len(alice.sound[ended.turn_id]) > 0


def test_frames_are_looked_at_and_known_by_their_number(room: Open) -> None:
    pixels = np.full((120, 160, 3), (200, 30, 30), np.uint8)
    jpeg = simplejpeg.encode_jpeg(pixels, quality=85)
    with Page(room, "Alice") as alice, Page(room, "Bob") as bob:
        alice.welcome(), bob.welcome()
        alice.send(page.Frame(7), jpeg)
        assert bob.until(events.Looked) == events.Looked("alice", 7)
        bob.send(page.Frame(1), jpeg)
        assert "already" in bob.until(page.Trouble).message
        bob.send(page.CloseCamera())
        alice.send(page.CloseCamera())


def test_an_open_microphone_outlives_the_hearing_process(room: Open, own: list[psutil.Process]) -> None:
    (hearing,) = (p for p in own[0].children() if "sensorium.workers.hearing" in p.cmdline())
    sound = read_wav(QUESTION)
    pcm = to_int16(sound.samples).astype("<i2").tobytes() + bytes(2 * sound.sample_rate_hz)
    with Page(room, "Alice") as alice:
        alice.welcome()
        alice.send(page.OpenMicrophone(sound.sample_rate_hz))
        alice.send(page.Sound(), bytes(2 * sound.sample_rate_hz))
        hearing.kill()
        assert alice.until(events.WorkerDown).worker == "hearing"
        assert alice.until(page.Trouble).code == "worker_died"
        assert alice.until(events.WorkerUp).worker == "hearing"
        speak(alice, pcm, sound.sample_rate_hz)
        assert alice.until(events.TurnBegan).person_id == "alice"
        assert alice.until(events.TurnEnded).outcome == "done"


def test_who_comes_back_has_their_seat_and_what_was_said_meanwhile(room: Open) -> None:
    with Page(room, "Carol") as carol:
        session = carol.welcome().session
    with Page(room, "Dave") as dave:
        dave.welcome()
        ended = dave.say("maya what do you like")
        with Page(room, "somebody", session, 0) as back:
            welcome = back.welcome()
            assert welcome.you.id == "carol" and welcome.session == session
            assert welcome.history[-1].text == ended.said and welcome.history[-2].speaker_id == "dave"
            with Page(room, "Carol", session, welcome.history[-2].entry_id) as again:
                assert [m.text for m in again.welcome().history] == [ended.said]
                assert back.closed()[0] == 1008  # the same seat, from another page
    assert "Carol comes in" in [m.text for m in welcome.history]
    assert [m.text for m in welcome.history].count("Carol comes in") == 1


def test_a_name_that_is_taken_is_refused_with_what_to_do(room: Open) -> None:
    with Page(room, "Erin") as erin:
        erin.welcome()
        for name in ("ERIN", "Maya", " "):
            with Page(room, name) as other:
                trouble = other.until(page.Trouble)
                assert trouble.fatal and trouble.message
                assert other.closed() == (1008, trouble.message)


def test_what_is_no_record_is_answered_and_the_connection_goes_on(room: Open) -> None:
    with Page(room, "Frank") as frank:
        frank.welcome()
        frank.send(page.Say("hello", "nobody-of-that-name"))
        assert frank.until(page.Trouble).code == "not_found"
        for record, payload in ((page.Sound(), b"1234"), (page.Touches(), b"\xc1"), (page.Say(" "), b"")):
            frank.send(record, payload)
            assert frank.until(page.Trouble).fatal is False
        frank.send(page.Ping(12.5))
        assert frank.until(page.Pong) == page.Pong(12.5)
        frank.send(page.Watch(True))
        stats = frank.until(page.Stats)
        assert stats.rss_mb["front"] > 0 and "loop_lag" in stats.stages and 0 <= stats.hit_rate <= 1


@pytest.mark.parametrize(
    ("message", "code"),
    [("hello", 1007), (b"\xff\xff\xff\xff", 1007), (bytes(page.MAX_MESSAGE_BYTES + 1), 1009)],
)
def test_another_protocol_is_closed_with_its_code(room: Open, message: str | bytes, code: int) -> None:
    with Page(room, "Grace") as grace:
        grace.welcome()
        grace.socket.send(message)
        assert grace.closed()[0] == code


def test_who_does_not_join_first_is_refused(room: Open) -> None:
    with connected(room) as stranger:
        stranger.send(page.encode(page.Say("hello")))
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                stranger.recv(timeout=PATIENCE_S)
        assert caught.value.rcvd is not None and caught.value.rcvd.code == 1008


@pytest.mark.parametrize(
    "more",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"subprotocols": None},
    ],
)
def test_a_page_elsewhere_cannot_open_a_websocket(room: Open, more: dict[str, Any]) -> None:
    with pytest.raises(InvalidStatus) as caught:
        connected(room, **more).close()
    assert caught.value.response.status_code == 403


def test_a_name_that_was_bound_to_this_machine_by_somebody_else_leads_nowhere(room: Open) -> None:
    host, port = room.at.split(":")
    for origin in (None, f"http://evil.example:{port}"):
        link = Open(f"http://evil.example:{port}")
        with socket.create_connection((host, int(port))) as rebound, pytest.raises(InvalidStatus) as caught:
            connected(link, origin=origin, sock=rebound).close()
        assert caught.value.response.status_code == 403


def test_our_own_page_can(room: Open) -> None:
    with Page(room, "Heidi", origin=room.base) as heidi:
        heidi.welcome()


def test_a_page_elsewhere_cannot_read_or_change_anything(room: Open) -> None:
    for path in ("/", "/api/room", "/metrics", "/healthz"):
        assert room.get(path, Host="evil.example")[0] == 403
    assert room.get("/api/enter", "POST", Origin="http://evil.example", Content_Length="0")[0] == 403
    for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/client/../index.html", "//etc/passwd"):
        assert room.get(path)[0] == 404


def test_what_the_page_and_prometheus_read(room: Open) -> None:
    status, body = room.get("/")
    assert status == 200 and body.lstrip().lower().startswith(b"<!doctype html>")
    assert json.loads(room.get("/healthz")[1])["workers"] == ["llm", "hearing", "speech", "vision", "tools"]
    assert json.loads(room.get("/api/room")[1])["sees"] is True
    newest = json.loads(room.get("/api/history?count=3")[1])["messages"]
    older = json.loads(room.get(f"/api/history?count=2&before={newest[0]['entry_id']}")[1])["messages"]
    assert [m["entry_id"] for m in older + newest] == sorted(m["entry_id"] for m in older + newest)
    assert len(older + newest) == 5
    assert room.get("/api/history?count=0")[0] == room.get("/api/history?before=x")[0] == 400
    assert b'sensorium_stage_seconds_bucket{stage="loop_lag"' in room.get("/metrics")[1]
    assert json.loads(room.get("/stats")[1])["counters"]["page_messages_total"] > 0
    assert set(json.loads(room.get("/openapi.json")[1])["paths"]) >= {"/api/room", "/metrics"}


def test_the_log_tells_of_turns_and_not_of_what_was_said(room: Open, place: Place) -> None:
    with Page(room, "Ivan") as ivan:
        ivan.welcome()
        ended = ivan.say("maya i love the secret word")
    assert ended.outcome == "done"

    def lines() -> list[dict[str, Any]]:
        text = (place.home / "logs" / "room.log").read_text()
        assert "secret" not in text
        return [json.loads(line) for line in text.splitlines()]

    until_s = time.monotonic() + PATIENCE_S
    while not any(line["what"] == "TurnEnded" and line["turn_id"] == ended.turn_id for line in lines()):
        assert time.monotonic() < until_s
        time.sleep(0.05)


def test_behind_a_token_only_who_has_it_comes_in_and_the_end_is_told(place: Place) -> None:
    with opened(place, "--host", "0.0.0.0", "--token", TOKEN) as (room, child):
        assert room.endswith(f"/#token={TOKEN}")
        assert room.get("/")[0] == room.get("/healthz")[0] == 200
        assert room.get("/api/room")[0] == room.get("/metrics")[0] == 401
        assert room.get("/api/room", Authorization=f"Bearer {TOKEN}")[0] == 200
        assert room.get("/api/enter", "POST", Authorization="Bearer wrong", Content_Length="0")[0] == 401
        request = urllib.request.Request(
            f"{room.base}/api/enter", method="POST", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie
        with connected(room) as stranger:
            with pytest.raises(ConnectionClosed) as caught:
                stranger.recv(timeout=PATIENCE_S)
            assert caught.value.rcvd is not None and caught.value.rcvd.code == 1008
            assert "token" in caught.value.rcvd.reason
        with Page(room, "Judy", additional_headers={"Cookie": cookie.partition(";")[0]}) as judy:
            judy.welcome()
            guesses = [room.get("/api/room", Authorization=f"Bearer guess-{i}")[0] for i in range(60)]
            assert guesses[0] == 401 and guesses[-1] == 429 and room.get("/")[0] == 200
            workers = workers_of(child)
            child.send_signal(signal.SIGTERM)
            assert judy.closed() == (1012, "the room has closed")
            out, err = child.communicate(timeout=PATIENCE_S)
        assert (child.returncode, out, err) == (0, "", "")
        assert len(workers) == 5 and all_gone(workers)
        assert TOKEN not in (place.home / "logs" / "room.log").read_text()


def test_what_cannot_be_opened_says_so_before_any_model_is_loaded(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = place.run("up", "--no-open", "--port", str(port))
    assert refused.code == 2 and f"port {port} is in use" in refused.err and "try --port" in refused.err
    for options, words in (
        (("--host", "0.0.0.0"), "--token"),
        (("--token", "short"), "16"),
        (("--port", "70000"), "65535"),
        (("--host", "no.such.host.invalid", "--token", TOKEN), "no address"),
        (("--host", "203.0.113.7", "--token", TOKEN), "cannot be listened at"),
        (("--bundle", "nanu"), "nano"),
    ):
        refused = place.run("up", "--no-open", *options)
        assert refused.code == 2 and words in refused.err and refused.err.count("\n") == 1, refused


def test_the_bench_of_many_pages_tells_what_came_and_how_late(place: Place) -> None:
    found = place.run("bench", "room", "--listeners", "3", "--seconds", "6", "--json").value
    assert found["settings"]["listeners"] == 3 and found["cut_off"] == 0
    assert found["event_ms"]["count"] > 0 and found["ping_ms"]["count"] > 0
    assert found["loop_lag_ms"]["count"] > 0 and found["front_rss_mb"] > 0
    refused = place.run("bench", "room", "--listeners", "1000")
    assert refused.code == 2 and "1 to 32" in refused.err
