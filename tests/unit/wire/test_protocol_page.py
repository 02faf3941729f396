"""`docs/protocol.md` says what `wire/records.py` does."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sensorium.wire import framing, payloads, records

PAGE = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text(encoding="utf-8")
WORKERS = {"llm": "Llm", "hearing": "Hearing", "speech": "Speech", "vision": "Vision", "tools": "Tools"}


def names(cell: str) -> list[str]:
    return [name for part in cell.split(",") if (name := part.strip().strip("`"))]


def table() -> dict[str, list[str]]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines()]
    return {row[0].strip("`"): row for row in rows if len(row) == 5 and row[0].startswith("`")}


def by_worker(prefix: str, record: type[records.Record]) -> list[str]:
    return [name for name, title in WORKERS.items() if record in getattr(records, prefix + title).__args__]


def test_the_table_has_every_record_once_with_its_direction_and_fields():
    defined = {cls.__name__: cls for cls in records.Record.__subclasses__()}
    rows = table()
    assert list(rows) and sorted(rows) == sorted(defined)
    for name, (_, direction, fields, _, _) in rows.items():
        record = defined[name]
        source, target = direction.split(" → ")
        workers, prefix = (target, "To") if source == "front" else (source, "From")
        assert "front" in (source, target)
        assert names(workers) == by_worker(prefix, record), name
        assert names(fields) == [field.name for field in msgspec.structs.fields(record)], name
        assert not by_worker("From" if prefix == "To" else "To", record), name


def test_the_bounds_of_a_frame_are_those_of_the_code():
    assert f"at most {framing.MAX_HEADER_BYTES >> 20} MiB" in PAGE
    assert f"at most {framing.MAX_PAYLOAD_BYTES >> 20} MiB" in PAGE


def test_the_rings_are_those_of_the_code():
    assert f"A payload of {payloads.INLINE_BELOW} bytes or more lies in the ring" in PAGE
    for worker, shapes in payloads.SHAPES.items():
        cells = " | ".join(f"{shape.num_slots} slots of {shape.slot_bytes:,} bytes" for shape in shapes)
        assert f"| {worker} | {cells} |" in PAGE
