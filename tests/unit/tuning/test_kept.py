"""Given what was learnt so far, when it is put aside, then it is there whole, or what was there before."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensorium.errors import BadInput
from sensorium.tuning import kept


def test_it_is_read_back_and_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert not kept.is_in(folder)
    kept.save(folder, b"one")
    kept.save(folder, b"two")
    assert kept.is_in(folder) and kept.read(folder) == b"two"
    assert [p.name for p in folder.iterdir()] == [kept.NAME]


def test_what_is_not_there_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="nothing to go on with"):
        kept.read(tmp_path)
    kept.save(tmp_path, b"long")
    monkeypatch.setattr(kept, "MAX_BYTES", 3)
    with pytest.raises(BadInput, match="too large"):
        kept.read(tmp_path)


def test_a_disk_that_refuses_leaves_what_was_kept_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.save(tmp_path, b"one")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(BadInput, match="No space left"):
        kept.save(tmp_path, b"two")
    assert [p.name for p in tmp_path.iterdir()] == [kept.NAME] and kept.read(tmp_path) == b"one"
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        kept.save(tmp_path / "file", b"two")
