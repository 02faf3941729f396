"""Given a config.toml and an environment, when it is loaded, then it is right or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sensorium.config import TABLES, Config, home_folder, keys, variable
from sensorium.errors import BadInput

DOCS = Path(__file__).parents[2] / "docs" / "configuration.md"


def _load(folder: Path, text: str, **environment: str) -> Config:
    (folder / "config.toml").write_text(text)
    return Config.load(folder, environment)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert Config.load(tmp_path, {}) == Config(home=str(tmp_path))


def test_loading_writes_nothing_and_creates_no_folder(tmp_path: Path) -> None:
    home = tmp_path / "none"
    Config.load(home, {})
    assert not home.exists()


def test_the_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    config = _load(tmp_path, "kv_cells = 4096\nllm_threads = 3\n", SENSORIUM_KV_CELLS="8192")
    assert (config.kv_cells, config.llm_threads) == (8192, 3)


def test_the_environment_may_switch_settling_off(tmp_path: Path) -> None:
    assert Config.load(tmp_path, {"SENSORIUM_SETTLE": "false"}).settle is False


def test_the_store_lies_in_the_home_folder_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert _load(tmp_path, "").store_path == tmp_path / "sensorium.db"
    assert _load(tmp_path, 'store = "/elsewhere/s.db"').store_path == Path("/elsewhere/s.db")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("kv_cells = 3", "kv_cells"),
        ("kv_cells = 99999999999", "kv_cells"),
        ('kv_cells = "many"', "kv_cells"),
        ("settle = 1", "settle"),
        ('hearing = "whisper"', "hearing"),
        ("max_sequences = 1", "max_sequences"),
        ("endpoint_silence_ms = 20000", "endpoint_silence_ms"),
        ('store = ""', "store"),
        ("kv_cells = ", "config.toml"),
    ],
)
def test_a_wrong_value_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(BadInput, match=named) as caught:
        _load(tmp_path, text)
    assert "\n" not in caught.value.one_line()


def test_a_wrong_variable_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="SENSORIUM_LLM_THREADS"):
        Config.load(tmp_path, {"SENSORIUM_LLM_THREADS": "two"})


def test_an_unknown_key_suggests_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="kv_cels") as caught:
        _load(tmp_path, "kv_cels = 4096")
    assert caught.value.remedy == "did you mean 'kv_cells'?"


def test_home_is_not_a_key(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="home"):
        _load(tmp_path, 'home = "/tmp"')


def test_bytes_that_are_no_text_and_files_too_large_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput):
        Config.load(tmp_path, {})
    with pytest.raises(BadInput, match="too large"):
        _load(tmp_path, "#" * 100_000)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(BadInput, match="cannot be read"):
        Config.load(tmp_path, {})


def test_the_home_folder_is_found_in_order() -> None:
    assert home_folder({"SENSORIUM_HOME": "/a", "XDG_DATA_HOME": "/b"}) == Path("/a")
    assert home_folder({"XDG_DATA_HOME": "/b"}) == Path("/b/sensorium")
    assert home_folder({"XDG_DATA_HOME": "relative"}) == Path.home() / ".local/share/sensorium"
    assert home_folder({}) == Path.home() / ".local/share/sensorium"


def test_the_documented_table_is_what_the_code_has() -> None:
    lines = [line for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    assert lines == [_row(key) for key in keys()]


def _row(key: str) -> str:
    schema: dict[str, Any] = msgspec.json.schema(Config)["$defs"]["Config"]["properties"][key]
    allowed = schema.get("type", "")
    if "minimum" in schema:
        allowed = f"{schema['minimum']} to {schema['maximum']}"
    elif "enum" in schema:
        allowed = ", ".join(f"`{value}`" for value in schema["enum"])
    elif allowed == "boolean":
        allowed = "`true`, `false`"
    elif allowed == "string":
        allowed = "text"
    elif allowed == "object":
        allowed = "a table each"
    default = msgspec.json.encode(schema["default"]).decode()
    where = "only in the file" if key in TABLES else f"`{variable(key)}`"
    return f"| `{key}` | `{default}` | {allowed} | {where} | {schema['description']} |"
