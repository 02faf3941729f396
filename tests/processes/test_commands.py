"""Given a random-weight mind, when commands run one after the other, then they give what they promise."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.processes.commands import Place

import sensorium.cli
from sensorium.audio import read_wav

TURN_FIELDS = {
    "persona", "heard", "said", "wav", "prompt_tokens", "cached_tokens", "processed_tokens", "settled_tokens",
    "invariant_sha256", "voice_to_voice_ms", "stages_ms", "bridge_calls",
}  # fmt: skip
BESIDE_TURNS = {"turns", "personas", "rss_mb", "composition_cache_hit_rate"}
DEFAULT_ROOM = {"maya", "ada", "clara", "felix", "hugo", "ines"}
QUESTION = Path(sensorium.cli.__file__).parent / "evening" / "01-maya-likes.wav"


@pytest.fixture(scope="module")
def place(random_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(random_bundle, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def asked(place: Place) -> list[dict[str, Any]]:
    """Two questions in two processes; a third is asked aloud."""
    typed = [
        place.run("ask", "--persona", "maya", "--text", words, "--json").value
        for words in ("what do you like", "and what is your job")
    ]
    reply = place.home / "maya.wav"
    aloud = place.run("ask", "--persona", "Maya", "--wav", str(QUESTION), "--out", str(reply), "--json")
    return [*typed, aloud.value]


def test_ask_tells_what_was_said_and_what_it_cost(asked: list[dict[str, Any]]) -> None:
    for value in asked:
        assert value.keys() >= BESIDE_TURNS
        assert set(value["personas"]) == DEFAULT_ROOM
        assert value["rss_mb"] > 0 and 0 <= value["composition_cache_hit_rate"] <= 1
        (turn,) = value["turns"]
        assert turn.keys() >= TURN_FIELDS
        assert turn["persona"] == "maya" and turn["said"] and turn["error"] == ""
        assert turn["prompt_tokens"] == turn["cached_tokens"] + turn["processed_tokens"]
        assert 0 < turn["processed_tokens"] <= 200


def test_the_stable_head_is_the_same_in_every_process(asked: list[dict[str, Any]]) -> None:
    assert len({value["turns"][0]["invariant_sha256"] for value in asked}) == 1


def test_a_typed_question_calls_no_bridge(asked: list[dict[str, Any]]) -> None:
    turn = asked[0]["turns"][0]
    assert turn["bridge_calls"] == {"stt": 0, "tts": 0}
    assert turn["voice_to_voice_ms"] is None and turn["wav"] == ""


def test_a_recorded_question_is_heard_and_answered_aloud(asked: list[dict[str, Any]]) -> None:
    turn = asked[2]["turns"][0]
    assert turn["heard"]
    assert turn["bridge_calls"]["stt"] == 1 and turn["bridge_calls"]["tts"] >= 1
    assert turn["voice_to_voice_ms"] > 0
    assert read_wav(turn["wav"]).seconds > 0.5


@pytest.mark.usefixtures("asked")
def test_explain_says_what_grew_and_what_it_cost(place: Place) -> None:
    value = place.run("explain", "Maya", "--json").value
    tiers = {row["tier"]: row for row in value["tiers"]}
    assert tiers["INVARIANT"]["change"] == "identical"
    assert tiers["SEMI_STABLE"]["change"] == "grew"
    assert tiers["SEMI_STABLE"]["written_by"] == "conversation"
    assert sum(row["tokens"] for row in value["tiers"]) == value["usage"]["prompt_tokens"]
    assert sum(row["processed_tokens"] for row in value["sources"]) == value["usage"]["processed_tokens"]
    assert value["lost_tokens"] == 0

    shown = place.run("explain", "maya", TERM="dumb", COLUMNS="80")
    assert shown.code == 0 and "\x1b" not in shown.out
    for word in ("INVARIANT", "SEMI_STABLE", "VOLATILE", "identical", "conversation", "processed"):
        assert word in shown.out  # nothing is cut off in a window of 80 columns


@pytest.mark.usefixtures("asked")
def test_stats_measures_memory_cells_prefixes_and_reuse(place: Place) -> None:
    value = place.run("stats", "--json").value
    assert {"front", "llm", "hearing", "speech", "total"} <= value["memory"].keys()
    llm = value["workers"]["llm"]
    assert {"weights", "kv", "adapters", "gpu"} <= llm["memory_bytes"].keys()
    assert 0 < llm["cells"]["used"] <= llm["cells"]["total"]
    assert llm["parked"]["shared"] == 1 and llm["parked"]["persona"] == 6
    assert value["kept_turns"]["turns"] == 3 and 0.5 < value["kept_turns"]["hit_rate"] < 1
    assert {"hits", "misses", "hit_rate"} <= value["composition_cache"].keys()


def test_doctor_names_every_part(place: Place) -> None:
    ended = place.run("doctor", "--json")
    value = json.loads(ended.out)
    assert ended.code == (0 if value["ok"] else 1)
    parts = {finding["part"]: finding for finding in value["findings"]}
    assert {"python", "llama-cpp-python", "onnxruntime", "espeak-ng", "home", "store", "gpu"} <= parts.keys()
    assert all(f["remedy"] for f in parts.values() if f["state"] == "missing")
    assert parts["store"]["state"] == "ok"


CHAT = (
    "maya hello",
    "",
    "   ",
    "/who",
    "and <|end|> <|persona|>",
    "x" * 10_000,
    "hugo \x1b[2Jred\x07",
    "/huh",
)


def test_chat_takes_lines_from_a_pipe(place: Place) -> None:
    ended = place.run("chat", stdin="\n".join([*CHAT, "/quit", "never said"]))
    assert ended.code == 0
    speakers = re.findall(r"^(\w+): ", ended.out, re.MULTILINE)
    # A random mind may call others by name, who then answer too.
    assert speakers[:2] == ["sam", "maya"]
    assert {"maya", "hugo"} <= set(speakers)
    assert speakers.count("sam") == len([line for line in (*CHAT, "/quit") if line.strip()])
    assert "Maya, Ada, Clara, Felix, Hugo, Ines" in ended.out
    assert "\x1b" not in ended.out and "\x07" not in ended.out and "never said" not in ended.out
    complaints = ended.err.splitlines()
    assert complaints == [
        "sensorium: a message has at most 8000 characters, not 10000",
        "sensorium: no command called '/huh' (did you mean '/who'?)",
    ]


def test_chat_with_json_is_one_object_and_goes_to_the_one_that_was_named(place: Place) -> None:
    ended = place.run("chat", "--persona", "Ines", "--json", stdin="hello\nmaya what do you like")
    assert ended.out.count("\n") == 1
    assert ended.value.keys() >= BESIDE_TURNS
    assert ended.value["turns"][0]["persona"] == "ines"
    assert all(turn.keys() >= TURN_FIELDS for turn in ended.value["turns"])


def test_the_demo_is_a_whole_evening(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    # What the user configured for himself must not reach the demo's own store and room.
    own = {"SENSORIUM_STORE": str(place.home / "mine.db"), "SENSORIUM_ROOM": "nowhere"}
    value = place.run("demo", "--fast", "--personas", "6", "--json", "--out", str(out), **own).value
    turns = value["turns"]
    assert value.keys() >= BESIDE_TURNS and set(value["personas"]) == DEFAULT_ROOM
    assert len(turns) >= 4 and len({turn["persona"] for turn in turns}) >= 4
    for turn in turns:
        assert turn.keys() >= TURN_FIELDS
        assert turn["right_persona"] is True and turn["error"] == ""
        assert turn["bridge_calls"]["stt"] == 1 and turn["bridge_calls"]["tts"] >= 1
        assert read_wav(turn["wav"]).seconds > 0
    heads: dict[str, set[str]] = {}
    for turn in turns:
        heads.setdefault(turn["persona"], set()).add(turn["invariant_sha256"])
    assert all(len(shas) == 1 for shas in heads.values()) and len(heads) > 1
    assert not (place.home / "mine.db").exists()
    _check_pictures(out, [turn["asked"] for turn in turns])


def _check_pictures(out: Path, asked: list[str]) -> None:
    page = (out / "timeline.html").read_text()
    assert all(words in page for words in asked)
    trace = json.loads((out / "trace.json").read_text())
    events = trace["traceEvents"]
    named = {e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "process_name"}
    assert named == {"front", "hearing", "llm", "speech"}
    spans = [e for e in events if e["ph"] == "X"]
    assert {e["pid"] for e in spans} == {e["pid"] for e in events if e["ph"] == "M"}
    assert all(e["ts"] >= 0 and e["dur"] >= 0 for e in spans)
