"""inference/remote.py in front of servers that are absent, slow, lying or something else entirely."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from tests.compat.mind_contract import ask

from sensorium.clock import ManualClock
from sensorium.errors import BadInput, ContextFull, SensoriumError, WorkerDied, WorkerFailed
from sensorium.inference.remote import MAX_BODY_BYTES, MAX_LINE_BYTES, Address, RemoteMind
from sensorium.inference.slots import SlotTable

Answer = Callable[[BaseHTTPRequestHandler], None]
PROPS = {"total_slots": 2, "default_generation_settings": {"n_ctx": 1536}}


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def serving(completion: Answer, props: object = PROPS) -> Iterator[str]:
    """A server that is a llama-server in /props and /lora-adapters, and answers /completion as told."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            send(self, json.dumps(props if self.path == "/props" else []).encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            completion(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def mind(url: str, **rest: object) -> RemoteMind:
    return RemoteMind(Address(url=url, **rest), ManualClock())  # type: ignore[arg-type]


def refused(completion: Answer, **rest: object) -> SensoriumError:
    with serving(completion) as url, pytest.raises(SensoriumError) as e:
        list(mind(url, **rest).generate(ask()))
    return e.value


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(WorkerFailed) as e:
        mind(f"http://127.0.0.1:{port}")

    assert "no server at" in e.value.message and f"--port {port}" in e.value.remedy


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:80", "ftp://127.0.0.1", "http://", "http://u:p@127.0.0.1:1", "http://127.0.0.1:1/v1"],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        mind(url)


def test_other_machines_must_be_named_in_the_configuration() -> None:
    with pytest.raises(BadInput) as e:
        mind("http://192.0.2.1:8080")

    assert "allowed_hosts" in e.value.remedy


@pytest.mark.parametrize("change", [{"speech_tokens": 9}, {"rows": np.zeros((1, 8), np.float32)}])
def test_rows_and_speech_are_refused_before_the_server_is_asked(change: dict[str, object]) -> None:
    def asked(handler: BaseHTTPRequestHandler) -> None:
        raise AssertionError("the server was asked")

    with serving(asked) as url, pytest.raises(BadInput, match="text only"):
        list(mind(url).generate(ask()._replace(**change)))  # type: ignore[arg-type]


def test_a_server_that_is_something_else() -> None:
    with serving(lambda h: send(h, b"{}"), props="hello") as url, pytest.raises(WorkerFailed) as e:
        mind(url)

    assert "does not answer like a llama-server" in e.value.message


def test_a_redirect_is_not_followed() -> None:
    def redirect(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "http://192.0.2.1/")
        handler.end_headers()

    assert "302" in refused(redirect).message


@pytest.mark.parametrize(
    ("status", "problem", "kind"),
    [
        (400, {"message": "no", "type": "invalid_request_error"}, BadInput),
        (400, {"message": "long", "type": "exceed_context_size_error"}, ContextFull),
        (401, {"message": "who", "type": "authentication_error"}, WorkerFailed),
        (503, {"message": "Loading model", "type": "unavailable_error"}, WorkerFailed),
        (500, "what", WorkerFailed),
    ],
)
def test_refusals_become_errors_of_the_house(
    status: int, problem: object, kind: type[SensoriumError]
) -> None:
    error = refused(lambda h: send(h, json.dumps({"error": problem}).encode(), status))

    assert type(error) is kind


def test_a_reply_that_is_cut_off() -> None:
    chunk = {"content": "so", "tokens": [300], "timings": {"cache_n": 0, "prompt_n": 3}}

    error = refused(lambda h: send(h, b"data: " + json.dumps(chunk).encode() + b"\n\n"))

    assert type(error) is WorkerDied and "middle of a reply" in error.message


def test_a_connection_that_breaks_before_its_end() -> None:
    def promise_more(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"data: ")

    assert type(refused(promise_more)) in (WorkerDied, WorkerFailed)


def test_a_line_without_end() -> None:
    error = refused(lambda h: send(h, b"data: " + b" " * (MAX_LINE_BYTES + 10)))

    assert "line without end" in error.message


def test_an_answer_without_end() -> None:
    def flood(handler: BaseHTTPRequestHandler) -> None:
        send(handler, b"[" + b"0," * (MAX_BODY_BYTES // 2 + 10), status=500)

    assert str(MAX_BODY_BYTES) in refused(flood).message


def test_a_server_that_counts_nothing_is_too_old() -> None:
    error = refused(lambda h: send(h, b'data: {"content": "so", "tokens": [300]}\n\n'))

    assert "timings" in error.message


def test_a_server_that_does_not_answer() -> None:
    silence = threading.Event()

    error = refused(lambda _: silence.wait(5) and None, first_token_timeout_s=0.05)

    silence.set()
    assert type(error) is WorkerFailed and "in time" in error.message


def test_two_personas_at_once_never_share_a_slot_and_a_third_waits() -> None:
    """Given two turns under way on two slots, a third persona is told to wait and nobody is evicted."""
    chunk = {"content": "so", "tokens": [300], "timings": {"cache_n": 0, "prompt_n": 3}}

    with serving(lambda h: send(h, (b"data: " + json.dumps(chunk).encode() + b"\n\n") * 3)) as url:
        two_slots = mind(url)
        running = [two_slots.generate(ask(persona)) for persona in (0, 1)]
        for events in running:
            next(events)

        with pytest.raises(BadInput) as e:
            next(two_slots.generate(ask(2)))

        for events in running:
            events.close()
    assert "busy" in e.value.message
    assert isinstance(two_slots.slots, SlotTable) and two_slots.slots.num_evictions == 0
