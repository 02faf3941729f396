from __future__ import annotations

import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from sensorium.errors import BadInput
from sensorium.wire import framing
from sensorium.wire.payloads import SHAPES, Payloads, Rings
from sensorium.wire.records import (
    Computing,
    Failed,
    FromHearing,
    FromSpeech,
    Inspect,
    PhraseSpoken,
    Ping,
    Pong,
    Ready,
    Say,
    Sound,
    Stats,
    Stop,
    ToHearing,
    ToSpeech,
)
from sensorium.workers.shell import EXIT_BUG, Shell


@pytest.fixture
def pair(connect):
    front, theirs = connect(FromSpeech)
    shell = Shell(theirs.detach(), ToSpeech)
    yield front, shell
    front.socket.close()
    shell.close()


@pytest.fixture
def worker(connect):
    front, theirs = connect(FromSpeech)
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("echo_worker.py")), "--fd", str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stderr=subprocess.PIPE,
        text=True,
    )
    theirs.close()
    ready, _ = front.receive()
    assert ready == Ready("echo", 0.5, {"pid": process.pid, "sample_rate_hz": 8000})
    yield front, process
    front.socket.close()
    process.communicate(timeout=20)


def test_pings_are_answered_while_the_worker_computes(pair):
    front, _busy_shell = pair
    front.send(Ping(7), Ping(8))
    # It has just been started, and after that nobody looked for work.
    assert [front.receive()[0], front.receive()[0]] == [Pong(7, alive=True), Pong(8, alive=False)]


def test_a_thread_that_looks_for_work_is_alive_until_the_next_ping(pair):
    front, shell = pair
    front.send(Ping(1))
    front.receive()
    shell.take_waiting()
    front.send(Ping(2), Ping(3))
    assert [front.receive()[0], front.receive()[0]] == [Pong(2, alive=True), Pong(3, alive=False)]


def test_a_thread_that_waits_for_work_is_alive_for_as_long_as_it_waits(pair):
    front, shell = pair
    waiting = threading.Thread(target=shell.take)
    waiting.start()
    answers = []
    while answers[-3:] != [True] * 3 and len(answers) < 1_000:  # until it has come to wait
        front.send(Ping(1))
        answers.append(front.receive()[0].alive)
    assert answers[-3:] == [True] * 3
    front.send(Say(1, "a"))
    waiting.join(timeout=20)
    assert not waiting.is_alive()
    front.send(Ping(2), Ping(3))
    assert [front.receive()[0].alive, front.receive()[0].alive] == [True, False]


def test_a_long_computation_is_announced_and_its_steps_are_signs_of_life(connect):
    front, theirs = connect(FromHearing)
    shell = Shell(theirs.detach(), ToHearing)
    with shell.computing(4.5):
        assert front.receive()[0] == Computing(4.5)
        front.send(Ping(1))
        front.receive()
        shell.working()
        front.send(Ping(2))
        assert front.receive()[0] == Pong(2, alive=True)
    assert front.receive()[0] == Computing(0.0)
    front.socket.close()
    shell.close()


def test_messages_come_in_order_with_payloads_until_stop(pair):
    front, shell = pair
    front.send(Say(1, "a"), payload=b"pcm")
    front.send(Ping(1))
    front.send(Say(2, "b"))
    front.send(Stop())
    front.send(Say(3, "too late"))
    assert list(shell.messages()) == [(Say(1, "a"), b"pcm"), (Say(2, "b"), b"")]
    assert shell.ended


def test_a_look_into_the_mailbox_does_not_wait(pair):
    front, shell = pair
    assert shell.take_waiting() == []
    assert shell.take(timeout_s=0.0) is None
    assert not shell.ended
    front.send(Say(1, "a"))
    front.send(Say(2, "b"))
    front.sync()
    assert [record for record, _ in shell.take_waiting()] == [Say(1, "a"), Say(2, "b")]


def test_the_end_of_the_front_ends_the_messages_and_sends_are_dropped(pair):
    front, shell = pair
    front.socket.close()
    assert list(shell.messages()) == []
    shell.send(Pong(1, alive=True))
    assert shell.ended


def test_garbage_from_the_front_is_an_error_of_the_whole_worker(pair):
    front, shell = pair
    front.send(Say(1, "a"))
    front.sync()
    front.socket.sendall(b"\xff" * 64)
    assert shell.take() == (Say(1, "a"), b"")
    with pytest.raises(BadInput):
        shell.take()
    assert shell.ended


@pytest.fixture
def with_rings(connect):
    front, theirs = connect(FromSpeech)
    with closing(Rings.create("speech")) as rings:
        far = Payloads.of_front(rings)
        shell = Shell(theirs.detach(), ToSpeech, rings)
    yield front, far, shell
    front.socket.close()
    shell.close()
    far.close()


def test_a_payload_stays_in_its_slot_until_it_is_taken(with_rings):
    front, far, shell = with_rings
    num_slots = SHAPES["speech"].to_worker.num_slots
    codes = [bytes([i]) * 400 for i in range(num_slots)]
    front.socket.sendall(b"".join(far.encode(Say(i, ""), data) for i, data in enumerate(codes)))
    front.sync()
    # the reader thread has read them all, and still the front knows that they wait
    assert far.full
    assert shell.take() == (Say(0, ""), codes[0])
    assert not far.full
    assert [payload for _, payload in shell.take_waiting()] == codes[1:]


def test_sound_of_many_threads_lies_in_the_ring_in_the_order_of_its_records(with_rings):
    front, far, shell = with_rings

    def speak(turn_id: int) -> None:
        for i in range(50):
            shell.send(Sound(turn_id, 16_000), bytes([turn_id, i]) * 640)

    threads = [threading.Thread(target=speak, args=(turn_id,)) for turn_id in (1, 2, 3)]
    for thread in threads:
        thread.start()
    got = []
    for _ in range(150):
        record, payload = front.receive()
        got.append((record.turn_id, far.fetch(payload)))
    for thread in threads:
        thread.join()
    for turn_id in (1, 2, 3):
        mine = [payload for found, payload in got if found == turn_id]
        assert mine == [bytes([turn_id, i]) * 640 for i in range(50)]


def test_a_slot_that_was_never_written_is_an_error_of_the_whole_worker(with_rings):
    front, _, shell = with_rings
    front.socket.sendall(framing.frame(framing.encode_header(Say(1, "a")), framing.Slot(1, 400)))
    with pytest.raises(BadInput, match="was not written"):
        shell.take()
    assert shell.ended


def test_a_number_that_is_no_socket_is_refused():
    with open("/dev/null") as no_socket, pytest.raises(BadInput, match="not a socket"):
        Shell(no_socket.fileno(), ToSpeech)


def test_a_process_answers_and_stops_with_0(worker):
    front, process = worker
    front.send(Say(4, "hello"), payload=b"1234")
    assert front.receive() == (PhraseSpoken(4, "hello", 0, 4), b"1234")
    front.send(Inspect(9))
    stats, _ = front.receive()
    assert isinstance(stats, Stats) and stats.nonce == 9 and stats.values["echoes"] == 1
    assert stats.values["pid"] == process.pid and stats.values["rss_bytes"] > 1_000_000
    front.send(Stop())
    assert process.wait(timeout=20) == 0


def test_a_failed_turn_is_reported_and_the_process_lives_on(worker):
    front, process = worker
    front.send(Say(5, "bad turn"))
    assert front.receive()[0] == Failed(5, "bad_input", "this turn is bad", "another one")
    process.send_signal(signal.SIGINT)
    front.send(Say(6, "still here"))
    assert front.receive()[0] == PhraseSpoken(6, "still here", 0, 0)


def test_an_error_of_the_worker_is_reported_as_turn_0_and_ends_it(worker):
    front, process = worker
    front.send(Say(5, "bad worker"))
    assert front.receive()[0] == Failed(0, "bad_input", "this worker is bad", "")
    assert process.wait(timeout=20) == BadInput.exit_code


def test_a_bug_is_one_line_on_stderr_and_exit_70(worker):
    front, process = worker
    front.send(Say(5, "bug"))
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == EXIT_BUG
    assert stderr.startswith("bug: ZeroDivisionError: two lines at ") and stderr.count("\n") == 1


def test_a_process_whose_front_is_gone_ends_by_itself(worker):
    front, process = worker
    front.socket.close()
    assert process.wait(timeout=20) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_a_worker_that_computes_dies_with_its_front():
    front_script = str(Path(__file__).with_name("doomed_front.py"))
    with subprocess.Popen([sys.executable, front_script], stdout=subprocess.PIPE, text=True) as front:
        assert front.stdout is not None
        assert int(front.stdout.readline()) > 0
        front.kill()
        # The worker has the other end of this pipe too: it is closed when both are dead.
        assert front.stdout.read() == ""


def test_a_flood_of_refusals_is_answered_in_full_and_one_line_in_the_log(capsys, pair):
    """given a thousand pieces that are refused, when told to the front, then the log has one line of them"""
    front, shell = pair
    for turn_id in range(1, 1_001):
        shell.fail(turn_id, BadInput("no whole\nsamples"))
        assert front.receive()[0] == Failed(turn_id, "bad_input", "no whole\nsamples")
    lines = capsys.readouterr().err.splitlines()
    # More than one only where a thousand took more than a second.
    assert lines[0] == "refused bad_input: no whole samples" and len(lines) < 20
