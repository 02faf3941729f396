"""Given a folder of recordings, when it is read, then what can be used is there and the rest is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium.audio import write_wav
from sensorium.errors import BadInput
from sensorium.tuning.recordings import check_words, read_folder, trimmed

KNOWN = {"hello", "i", "am", "maya", "like", "two", "apples"}


def tone(seconds: float, *, rate: int = 16_000, peak: float = 0.4) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    return (peak * np.sin(2 * np.pi * 200 * t)).astype(np.float32)


def put(folder: Path, name: str, text: str | None, samples: np.ndarray, rate: int = 16_000) -> None:
    write_wav(folder / f"{name}.wav", samples, rate)
    if text is not None:
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")


def read(folder: Path, max_seconds: float = 100.0) -> tuple[list[str], dict[str, str]]:
    recordings, left_out = read_folder(folder, KNOWN, max_seconds=max_seconds)
    return [r.name for r in recordings], dict(left_out)


def test_text_files_beside_sound_files(tmp_path: Path) -> None:
    put(tmp_path, "b", "Hello! I'm Maya", tone(1.0))
    put(tmp_path, "a", "I like 2 apples.", tone(2.0, rate=48_000), 48_000)
    recordings, left_out = read_folder(tmp_path, KNOWN, max_seconds=100.0)
    assert left_out == []
    assert [r.words for r in recordings] == [
        ("i", "like", "two", "apples", "."),
        ("hello", ".", "i", "am", "maya", "."),
    ]
    assert [round(r.seconds, 2) for r in recordings] == [2.0, 1.0]
    assert recordings[0].samples.dtype == np.float32


def test_a_list_in_metadata_csv(tmp_path: Path) -> None:
    put(tmp_path, "one", None, tone(1.0))
    put(tmp_path, "two", "never read", tone(1.0))
    (tmp_path / "metadata.csv").write_text("one|hello maya\n\ntwo.wav|I am\nthree|hello\n", encoding="utf-8")
    names, left_out = read(tmp_path)
    assert names == ["one", "two.wav"]
    assert "no such file" in left_out["three"]


def test_what_cannot_be_used_is_left_out_with_its_reason(tmp_path: Path) -> None:
    good = tone(1.0)
    put(tmp_path, "good", "hello", good)
    put(tmp_path, "silent", "hello", np.zeros(16_000, np.float32))
    put(tmp_path, "short", "hello", tone(0.1))
    put(tmp_path, "long", "hello", tone(16.0))
    put(tmp_path, "loud", "hello", np.clip(20 * good, -1, 1))
    put(tmp_path, "telephone", "hello", tone(1.0, rate=8_000), 8_000)
    put(tmp_path, "untold", None, good)
    put(tmp_path, "wordless", "?!", good)
    put(tmp_path, "strange", "hello quokka", good)
    put(tmp_path, "endless", "hello " * 60, good)
    put(tmp_path, "latin", None, good)
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    (tmp_path / "broken.wav").write_bytes(b"RIFF....WAVE")
    (tmp_path / "broken.txt").write_text("hello")
    names, left_out = read(tmp_path)
    assert names == ["good.wav"]
    for name, reason in {
        "silent": "silent", "short": "0.1 s", "long": "16.0 s", "loud": "clipped", "telephone": "8000 Hz",
        "untold": "no transcript", "wordless": "no words", "strange": "quokka", "endless": "60 words",
        "latin": "UTF-8", "broken": "cut short",
    }.items():  # fmt: skip
        assert reason in left_out[f"{name}.wav"]


def test_more_than_is_needed_is_not_used(tmp_path: Path) -> None:
    for name in "abcd":
        put(tmp_path, name, "hello", tone(2.0))
    names, left_out = read(tmp_path, max_seconds=3.0)
    assert names == ["a.wav", "b.wav"] and set(left_out) == {"c.wav", "d.wav"}


def test_soft_recordings_are_raised_together_and_usual_ones_left_alone(tmp_path: Path) -> None:
    put(tmp_path, "a", "hello", tone(1.0, peak=0.02))
    put(tmp_path, "b", "hello", tone(1.0, peak=0.04))
    put(tmp_path, "c", "hello", tone(1.0, peak=0.04))
    peaks = [float(np.abs(r.samples).max()) for r in read_folder(tmp_path, KNOWN, max_seconds=9.0)[0]]
    assert peaks == pytest.approx([0.225, 0.45, 0.45], rel=0.02)
    put(tmp_path, "b", "hello", tone(1.0, peak=0.3))
    put(tmp_path, "c", "hello", tone(1.0, peak=0.3))
    peaks = [float(np.abs(r.samples).max()) for r in read_folder(tmp_path, KNOWN, max_seconds=9.0)[0]]
    assert peaks == pytest.approx([0.02, 0.3, 0.3], rel=0.02)


def test_long_silence_is_cut_off_at_both_ends() -> None:
    quiet = np.zeros(16_000, np.float32)
    cut = trimmed(np.concatenate((quiet, tone(1.0), quiet)))
    assert len(cut) == pytest.approx(1.4 * 16_000, abs=20)
    assert len(trimmed(tone(1.0))) == 16_000


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("one hello", "line 1, is not file|text"),
        ("one|hello\none|hello", "line 2: one stands there twice"),
        ("../one|hello", "outside the folder"),
        ("one|hello|HELLO", "is not file|text"),
        ("", "no recordings"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(tmp_path: Path, lines: str, says: str) -> None:
    (tmp_path / "metadata.csv").write_text(lines)
    with pytest.raises(BadInput, match=says.replace("|", r"\|")):
        read(tmp_path)


def test_no_folder_and_an_empty_one_are_refused_with_the_layout(tmp_path: Path) -> None:
    for folder in (tmp_path / "absent", tmp_path):
        with pytest.raises(BadInput) as refused:
            read(folder)
        assert "metadata.csv" in refused.value.remedy


def test_a_full_stop_is_always_said_last() -> None:
    assert check_words("hello maya", KNOWN) == check_words("Hello, Maya!", KNOWN) == ("hello", "maya", ".")
