"""What is served and written: files that were listed, a document of every path, logs without speech."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from sensorium.errors import BadInput
from sensorium.front.server import files, logs, rest
from sensorium.wire.events import Hearing, Message, TurnEnded, WorkerDown

SAID = Message(1, "person", "sam", "Sam", "my secret", 3, 1.0)
ENDED = TurnEnded(3, "maya", "failed", "a secret", "no 'secret'", "bad_input", None, 1, 1, 0, 0, {}, {})


def test_only_files_of_a_page_are_listed_by_their_path(tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "index.html").write_text("<p>")
    (tmp_path / "audio" / "mic.js").write_text("1")
    (tmp_path / ".hidden").write_text("no")
    found = files.listed(tmp_path)
    assert sorted(found) == ["/", "/audio/mic.js", "/index.html"]
    assert found["/"].content_type == "text/html; charset=utf-8" and found["/"].data == b"<p>"
    assert found["/audio/mic.js"].content_type == "text/javascript; charset=utf-8"


@pytest.mark.parametrize("name", ["key.pem", "data.db"])
def test_a_folder_that_holds_something_else_is_not_served(tmp_path: Path, name: str) -> None:
    (tmp_path / "index.html").write_text("<p>")
    (tmp_path / name).write_text("secret")
    with pytest.raises(BadInput, match=name):
        files.listed(tmp_path)


def test_a_link_out_of_the_folder_is_not_served_and_no_page_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not installed"):
        files.listed(tmp_path / "absent")
    (tmp_path / "index.html").write_text("<p>")
    (tmp_path / "out.js").symlink_to("/etc/passwd")
    with pytest.raises(BadInput):
        files.listed(tmp_path)


def test_the_document_tells_of_every_path_and_its_schemas_are_there() -> None:
    document = rest.openapi()
    text = json.dumps(document)
    schemas = document["components"]["schemas"]
    for name in ("Room", "History", "Personas", "Health", "Message", "PersonaCard", "Member"):
        assert name in schemas and f"#/components/schemas/{name}" in text
    assert set(document["paths"]) == {told.path for told in rest._TOLD}


def test_nothing_that_was_said_is_written_down_unless_asked_for() -> None:
    quiet, loud = logs.EventLog(speech=False), logs.EventLog(speech=True)
    for event in (SAID, ENDED):
        assert "secret" not in str(quiet.shown(event)) and "secret" in str(loud.shown(event))
    assert quiet.shown(Hearing("sam", "secret")) is None is loud.shown(Hearing("sam", "secret"))
    assert quiet.shown(WorkerDown("llm")) == {"worker": "llm"}


def test_the_log_is_one_object_a_line_with_tracebacks(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "room.log"
    log = logging.getLogger("sensorium.room")
    with logs.written(path):
        logs.EventLog(speech=False).note(SAID)
        try:
            raise ValueError("a bug")
        except ValueError:
            log.exception("it broke")
    log.info("nobody listens")
    said, broke = map(json.loads, path.read_text().splitlines())
    assert said["what"] == "Message" and said["speaker_id"] == "sam" and "text" not in said
    assert broke["level"] == "error" and "ValueError: a bug" in broke["traceback"]
