"""What commands share: who may be asked, progress on a terminal only, files that the disk refuses."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from sensorium.cli.running import progress, seated, writing
from sensorium.config import Config
from sensorium.errors import BadInput, NotFound


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(home=str(tmp_path))


@pytest.mark.parametrize("name", ["maya", "Maya", " MAYA "])
def test_a_persona_of_the_room_is_found_by_id_or_name(config: Config, name: str) -> None:
    assert seated(config, "", name) == "maya"


def test_an_unknown_persona_suggests_the_nearest_of_the_house(config: Config) -> None:
    with pytest.raises(NotFound) as caught:
        seated(config, "", "norra")
    assert caught.value.remedy == "did you mean 'nora'?"


def test_a_persona_that_is_elsewhere_can_be_invited(config: Config) -> None:
    with pytest.raises(BadInput, match="nora is not in living-room") as caught:
        seated(config, "", "Nora")
    assert caught.value.remedy == "sensorium room join living-room nora"


def test_an_unknown_room_is_named(config: Config) -> None:
    with pytest.raises(NotFound, match="no room called 'kitchen'"):
        seated(config, "kitchen", "maya")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_for_people_at_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("loading", quiet=False):
        pass
    assert capsys.readouterr() == ("", "")

    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with progress("loading", quiet=True):
        pass
    with progress("loading", quiet=False):
        assert terminal.getvalue() == "loading ... "
    assert terminal.getvalue().endswith(" s\n")
    with pytest.raises(BadInput), progress("loading", quiet=False):
        raise BadInput("no")
    assert terminal.getvalue().endswith("loading ... failed\n")


def test_a_file_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "trace.json"
    with pytest.raises(BadInput, match="cannot be written: No such file") as caught, writing(path):
        path.write_text("{}")
    assert "--out" in caught.value.remedy
