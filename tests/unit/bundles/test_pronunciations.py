"""Given a file of pronunciations, then words have the phonemes that stand there, or it is said why not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sensorium.bundles import pronunciations
from sensorium.bundles.catalogue import find
from sensorium.errors import BundleError

NAMES = ("_", "m", "aI", "@")


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "pronunciations.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_words_are_read_with_the_numbers_of_their_phonemes(tmp_path: Path) -> None:
    path = write(tmp_path, "maya m aI @\n. _\n")
    assert pronunciations.read(path, NAMES) == {"maya": (1, 2, 3), ".": (0,)}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("maya m aI @\nmy\n", "line 2 has no phonemes"),
        ("maya m aI @\n\nmy m aI\n", "line 2 has no phonemes"),
        ("maya m eI @\n", "line 1 has a phoneme 'eI' that the mind does not"),
        ("my m aI\nmy m @\n", "line 2 says 'my' again"),
        (f"my {'m ' * 65}\n", "line 1 has too many phonemes"),
        (b"my \xff\n", "UTF-8"),
        (b"\x00" * 40, "no phonemes"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str | bytes, reason: str) -> None:
    with pytest.raises(BundleError, match=reason):
        pronunciations.read(write(tmp_path, text), NAMES)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pronunciations, "MAX_BYTES", 10)
    with pytest.raises(BundleError, match="larger"):
        pronunciations.read(write(tmp_path, "maya m aI @\n"), NAMES)


def test_a_bundle_without_such_a_file_leaves_every_word_to_its_mind() -> None:
    nano = find("nano")
    files = {role: file for role, file in nano.files.items() if role != "pronunciations"}
    assert pronunciations.of(msgspec.structs.replace(nano, files=files)) == {}
