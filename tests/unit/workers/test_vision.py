"""The vision worker: rows and names for a picture, one line for what is none; and a whole process of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from sensorium.bundles.catalogue import find
from sensorium.bundles.senses_file import Projection
from sensorium.clock import SystemClock
from sensorium.metrics import Counters
from sensorium.vision.encoder import Eye, Thing
from sensorium.vision.fake import FakeEye
from sensorium.wire.records import (
    MAX_PICTURE_BYTES,
    Failed,
    FromVision,
    Inspect,
    Look,
    Ready,
    Seen,
    Stats,
    Stop,
    ToVision,
    Unchanged,
)
from sensorium.workers.shell import Shell
from sensorium.workers.vision import VisionWorker

GOLDEN = np.load(Path(__file__).parents[1] / "vision" / "eye_golden.npz")["pictures"]
THINGS = (Thing("circle", "", "red", 0.7, 0.5, 0.2, 1.0), Thing("number", "six", "blue", 0.2, 0.4, 0.3, 0.9))
PLAIN = simplejpeg.encode_jpeg(np.full((40, 60, 3), 120, np.uint8))
WIDTH = 16


@pytest.fixture
def seeing_bundle(tmp_path) -> Path:
    """nano's eye with a projection of random numbers, 16 wide."""
    shutil.copy(find("nano").file("eye"), tmp_path / "eye.onnx")
    rng = np.random.default_rng(8)
    weight, bias = rng.normal(0, 0.1, (WIDTH, 128)), rng.normal(0, 1, WIDTH)
    np.savez(tmp_path / "senses.npz", eye_weight=weight.astype(np.float16), eye_bias=bias.astype(np.float16))
    (tmp_path / "bundle.toml").write_text(
        'name = "sees"\nversion = "0"\nlicence = "x"\nsource = "x"\ncontext_tokens = 8\n[prompt]\n'
        '[files.eye]\npath = "eye.onnx"\n[files.senses]\npath = "senses.npz"\n'
        "[capabilities]\nimage_in = true\n"
    )
    return tmp_path


def worker_of(*things: Thing) -> Callable[[Shell], VisionWorker]:
    """Row = bias + sum of the eye's embedding, so that it can be told from which it is."""
    projection = Projection(np.ones((3, 4), np.float32), np.full(3, 0.5, np.float32))
    look = FakeEye(things, width=4).look
    return lambda shell: VisionWorker(shell, look, projection, Counters(), SystemClock())


def test_a_picture_gives_a_row_for_the_whole_and_one_for_each_thing(run_worker):
    front = run_worker(FromVision, ToVision, worker_of(*THINGS))
    front.send(Look(7), payload=PLAIN)
    seen, payload = front.receive()
    assert isinstance(seen, Seen)
    assert (seen.look_id, seen.num_rows, seen.things) == (7, 3, ("blue number six", "red circle"))
    rows = np.frombuffer(payload, "<f4").reshape(3, 3)
    assert rows.tolist() == [[0.5] * 3, [4.5] * 3, [8.5] * 3]
    gate, decoded, looked = seen.stages
    assert (gate[0], decoded[0], looked[0]) == ("vision.gate", "vision.decode", "vision.model")
    assert gate[1] <= gate[2] == decoded[1] <= decoded[2] == looked[1] <= looked[2]


def test_a_picture_without_things_has_one_row(run_worker):
    front = run_worker(FromVision, ToVision, worker_of())
    front.send(Look(1), payload=PLAIN)
    seen, payload = front.receive()
    assert isinstance(seen, Seen) and (seen.num_rows, seen.things) == (1, ())
    assert len(payload) == 4 * 3


def test_a_frame_like_an_earlier_look_is_passed_over(run_worker):
    """given a look, when its like comes, another picture, and a look that is not remembered any more"""
    other = simplejpeg.encode_jpeg(np.full((40, 60, 3), 20, np.uint8))
    front = run_worker(FromVision, ToVision, worker_of(*THINGS))
    front.send(Look(1), payload=PLAIN)
    front.send(Look(2, since_look_id=1), payload=simplejpeg.encode_jpeg(np.full((40, 60, 3), 124, np.uint8)))
    front.send(Look(3, since_look_id=1), payload=other)
    front.send(Look(4, since_look_id=1), payload=PLAIN)
    front.send(Look(5, since_look_id=2), payload=PLAIN)
    first, like, new, back, unknown = (front.receive()[0] for _ in range(5))
    assert isinstance(like, Unchanged) and [name for name, _, _ in like.stages] == ["vision.gate"]
    assert isinstance(back, Unchanged)
    assert all(isinstance(record, Seen) for record in (first, new, unknown))


def test_what_is_remembered_of_looks_is_bounded(run_worker):
    front = run_worker(FromVision, ToVision, worker_of())
    for look_id in range(1, 70):
        front.send(Look(look_id), payload=PLAIN)
        assert isinstance(front.receive()[0], Seen)
    front.send(Look(70, since_look_id=1), payload=PLAIN)
    front.send(Look(71, since_look_id=69), payload=PLAIN)
    assert isinstance(front.receive()[0], Seen) and isinstance(front.receive()[0], Unchanged)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (b"", "empty"),
        (b"a text that is named .jpg", "neither a JPEG nor a PNG"),
        (PLAIN[:-100], "damaged"),
        (bytes(MAX_PICTURE_BYTES + 1), "at most 20,000,000 bytes, not 20,000,001"),
        (simplejpeg.encode_jpeg(np.zeros((4, 40, 3), np.uint8)), "not 40 x 4"),
    ],
    ids=["nothing", "words", "cut off", "too large", "too flat"],
)
def test_what_cannot_be_looked_at_fails_alone(run_worker, file, says):
    """given a file that is no picture between two that are, then only its look fails"""
    front = run_worker(FromVision, ToVision, worker_of(*THINGS))
    for look_id, some in enumerate((PLAIN, file, PLAIN)):
        front.send(Look(look_id), payload=some)
    before, failed, after = (front.receive()[0] for _ in range(3))
    assert isinstance(before, Seen) and isinstance(after, Seen) and after.look_id == 2
    assert isinstance(failed, Failed) and (failed.turn_id, failed.code) == (1, "bad_input")
    assert says in failed.message and "\n" not in failed.message
    front.send(Inspect(1))
    stats = front.receive()[0]
    assert isinstance(stats, Stats)
    assert stats.values["counters"] == {"looks_total": 2}
    assert stats.values["model_ms"]["count"] == stats.values["decode_ms"]["count"] == 2


def test_a_whole_process_sees_what_the_eye_sees(native_process, seeing_bundle):
    """given the shipped eye in a process, when shown a picture, then rows are its projected embeddings"""
    front, child = native_process("vision", FromVision, "--bundle", str(seeing_bundle))
    ready = front.receive()[0]
    assert isinstance(ready, Ready)
    assert (ready.facts["model"], ready.facts["row_width"]) == ("sees eye", WIDTH)

    file = simplejpeg.encode_jpeg(GOLDEN[0], quality=95)
    front.send(Look(1), payload=file)
    seen, payload = front.receive()

    sight = Eye.load(seeing_bundle / "eye.onnx").look(simplejpeg.decode_jpeg(file))
    assert isinstance(seen, Seen)
    assert seen.things == tuple(thing.words for thing in sight.things) != ()
    with np.load(seeing_bundle / "senses.npz") as arrays:
        weight, bias = (arrays[name].astype(np.float32) for name in ("eye_weight", "eye_bias"))
    expected = sight.embeddings[: seen.num_rows] @ weight.T + bias
    np.testing.assert_allclose(np.frombuffer(payload, "<f4").reshape(-1, WIDTH), expected, atol=1e-4)
    front.send(Stop())
    assert child.communicate(timeout=20)[0].splitlines()[0] == "bridges:"
    assert child.returncode == 0


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("image_in = true", "image_in = false", "bundle sees cannot see pictures"),
        ('[files.eye]\npath = "eye.onnx"\n', "", "has no eye"),
        ('[files.senses]\npath = "senses.npz"\n', "", "has no senses"),
        ('"senses.npz"', '"eye.onnx"', "cannot be read"),
    ],
)
def test_a_bundle_that_cannot_see_is_reported_in_one_line(connect, seeing_bundle, old, new, says):
    toml = seeing_bundle / "bundle.toml"
    assert old in toml.read_text()
    toml.write_text(toml.read_text().replace(old, new))
    front, theirs = connect(FromVision)
    fd = theirs.fileno()
    command = [sys.executable, "-m", "sensorium.workers.vision", "--fd", str(fd)]
    command += ["--bundle", str(seeing_bundle)]
    with subprocess.Popen(command, pass_fds=[fd], stderr=subprocess.PIPE) as child:
        theirs.close()
        failed = front.receive()[0]
        assert isinstance(failed, Failed)
        assert (failed.turn_id, failed.code) == (0, "bundle")
        assert says in failed.message
        assert len(child.communicate(timeout=20)[1].splitlines()) == 1
    assert child.returncode == 2
