"""Given what cannot be done, when a command is run, then it says so in one line and nothing is lost."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import samplerate
from tests.processes.commands import Ended, Place

import sensorium.cli
from sensorium.audio import read_wav
from sensorium.bench import random_gguf
from sensorium.store import messages, schema
from sensorium.store.database import connect
from sensorium.store.store import Store

QUESTION = Path(sensorium.cli.__file__).parent / "evening" / "01-maya-likes.wav"
HELLO = ("ask", "--persona", "maya", "--text", "hello")


@pytest.fixture
def place(random_bundle: Path, tmp_path: Path) -> Place:
    return Place(random_bundle, tmp_path / "home")


def refused(ended: Ended, says: str) -> None:
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith("sensorium: ") and ended.err.count("\n") == 1
    assert says in ended.err


def said_in(home: Path) -> list[str]:
    with Store.open(home / "sensorium.db") as store:
        return [e.text for e in store.read(messages.entries, "living-room", 1000).result()]


def wav(path: Path, pcm: bytes, *, channels: int = 1, bits: int = 16, rate_hz: int = 16_000) -> Path:
    frame_bytes = channels * bits // 8
    head = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * frame_bytes, frame_bytes, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(pcm)) + pcm
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def test_an_adapter_for_another_model_and_one_for_this(place: Place, tmp_path: Path) -> None:
    other, wrong, right = tmp_path / "other.gguf", tmp_path / "wrong.gguf", tmp_path / "right.gguf"
    random_gguf.write_dense(other, layers=2, width=32, heads=2, vocab_words=50, context=64, seed=1)
    random_gguf.write_lora(wrong, base=other)
    random_gguf.write_lora(right, base=place.bundle / "mind.gguf")

    refused(place.run(*HELLO, "--adapter", str(wrong)), "made for another model")
    refused(place.run(*HELLO, "--adapter", str(other)), "is not a LoRA adapter")
    assert said_in(place.home) == []
    assert place.run(*HELLO, "--adapter", str(right)).code == 0


def test_a_gguf_that_is_none(place: Place, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(place.bundle, broken)
    (broken / "mind.gguf").write_bytes(b"this is no model" * 100)
    refused(place._replace(bundle=broken).run(*HELLO), "mind.gguf is not a usable GGUF")

    whole = (place.bundle / "mind.gguf").read_bytes()
    (broken / "mind.gguf").write_bytes(whole[: len(whole) // 2])
    refused(place._replace(bundle=broken).run("stats"), "cut short")
    assert said_in(place.home) == []


def test_a_store_of_a_newer_schema_is_left_alone(place: Place) -> None:
    Store.open(place.home / "sensorium.db").close()
    db = connect(place.home / "sensorium.db", busy_ms=0)
    db.pragma("user_version", len(schema.STEPS) + 1)
    db.close()
    before = (place.home / "sensorium.db").read_bytes()
    for command in (HELLO, ("chat",), ("stats",), ("explain", "maya"), ("room", "list")):
        refused(place.run(*command), "newer")
    assert (place.home / "sensorium.db").read_bytes() == before


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda path: path.write_bytes(QUESTION.read_bytes()[:9_000]), "cut short"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: wav(path, b""), "no sound"),
        (lambda path: wav(path, bytes(600 * 8_000), bits=8, rate_hz=8_000), "lasts 600 s"),
        (lambda path: path.mkdir(), "not a WAV file"),
    ],
)
def test_a_recording_that_cannot_be_used(
    place: Place, tmp_path: Path, write: Callable[[Path], object], says: str
) -> None:
    write(tmp_path / "question.wav")
    refused(place.run("ask", "--persona", "maya", "--wav", str(tmp_path / "question.wav")), says)


def test_a_recording_of_silence_is_no_question(place: Place, tmp_path: Path) -> None:
    path = wav(tmp_path / "silence.wav", bytes(32_000))
    refused(place.run("ask", "--persona", "maya", "--wav", str(path)), "no words were understood")
    assert said_in(place.home) == []


def _recordings(folder: Path) -> Iterator[Path]:
    """The question as other recorders would have saved it."""
    sound = read_wav(QUESTION).samples
    low = (samplerate.resample(sound, 0.5, "sinc_best").clip(-1, 1) * 32_767).astype("<i2")
    yield wav(folder / "stereo-8k.wav", np.repeat(low, 2).tobytes(), channels=2, rate_hz=8_000)
    high = (samplerate.resample(sound, 6.0, "sinc_best").clip(-1, 1) * 8_388_607).astype("<i4")
    wide = high.view(np.uint8).reshape(-1, 4)[:, :3]
    yield wav(folder / "24-bit-96k.wav", wide.tobytes(), bits=24, rate_hz=96_000)


def test_other_forms_of_recordings_are_converted(place: Place, tmp_path: Path) -> None:
    for path in _recordings(tmp_path):
        value = place.run("ask", "--persona", "maya", "--wav", str(path), "--json").value
        assert "maya" in value["turns"][0]["heard"], path.name


def test_a_message_too_long_is_refused_and_nothing_is_stored(place: Place) -> None:
    refused(place.run("ask", "--persona", "maya", "--text", "x" * 9_000), "at most 8000 characters, not 9000")
    assert said_in(place.home) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written(place: Place) -> None:
    place.home.mkdir(mode=0o500)
    refused(place.run(*HELLO), "cannot be opened for writing")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Takes all the space that is left; gives the file to delete."""
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (65_536, 512):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    return folder / "filler"


def test_a_disk_too_full_for_the_reply_keeps_the_turn(place: Place, small_disk: Path) -> None:
    filler = fill(small_disk)
    ended = place.run(*HELLO, "--out", str(small_disk / "maya.wav"))
    assert ended.code == 2
    assert ended.err.count("\n") == 1 and "maya.wav cannot be written: No space left" in ended.err
    assert ended.out.startswith("maya: ")  # the answer is shown all the same
    assert list(small_disk.iterdir()) == [filler]
    assert said_in(place.home)[0] == "hello"


def test_a_disk_too_full_for_the_demo(place: Place, small_disk: Path) -> None:
    filler = fill(small_disk)
    ended = place.run("demo", "--fast", "--out", str(small_disk))
    assert ended.code == 2
    assert ended.err.count("\n") == 1 and "cannot be written: No space left" in ended.err
    assert list(small_disk.iterdir()) == [filler]


def test_a_store_on_a_full_disk_loses_nothing(place: Place, small_disk: Path) -> None:
    full = place._replace(home=small_disk / "home")
    assert full.run(*HELLO).code == 0
    before = said_in(full.home)
    filler = fill(small_disk)
    # Long, so that it does not fit into pages that are there already.
    refused(full.run("ask", "--persona", "maya", "--text", "word " * 1_500), "the disk is full")
    filler.unlink()
    assert said_in(full.home)[: len(before)] == before
    assert full.run(*HELLO).code == 0
