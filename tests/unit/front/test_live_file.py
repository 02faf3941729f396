"""Given a file of a running house, when it is read, then it is fresh and whole, or nothing is running."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sensorium.errors import NotFound
from sensorium.front import live_file


def test_what_was_written_is_read_and_no_other_file_stays(tmp_path: Path) -> None:
    live_file.write(tmp_path / "home", {"at_s": 100.0, "pid": os.getpid()})
    assert live_file.read(tmp_path / "home", 101.0)["pid"] == os.getpid()
    assert [p.name for p in (tmp_path / "home").iterdir()] == [live_file.FILE]
    live_file.remove(tmp_path / "home")
    assert list((tmp_path / "home").iterdir()) == []


@pytest.mark.parametrize("content", [None, b"", b"[1]", b'{"at_s": "x"}', b'{"at_s": 94.0}', b"\xff\x00"])
def test_no_house_a_dead_one_and_nonsense_are_nothing_that_runs(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / live_file.FILE).write_bytes(content)
    with pytest.raises(NotFound, match="nothing is running in"):
        live_file.read(tmp_path, 100.0)


def test_the_file_of_another_house_is_left_alone(tmp_path: Path) -> None:
    live_file.write(tmp_path, {"at_s": 100.0, "pid": os.getpid() + 1})
    live_file.remove(tmp_path)
    assert live_file.read(tmp_path, 100.0)["at_s"] == 100.0
    (tmp_path / live_file.FILE).write_bytes(b"no json")
    live_file.remove(tmp_path)


def test_a_disk_that_refuses_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    live_file.write(tmp_path / "file", {"at_s": 1.0})
    live_file.remove(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "in the way" and len(list(tmp_path.iterdir())) == 1
