"""Recorded questions for a room in a bench, and who is to answer them."""

from __future__ import annotations

import asyncio
from importlib import resources
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from sensorium.bench.microphone import Samples, recording
from sensorium.cli import evening
from sensorium.front.report import TurnReport


class Asked(NamedTuple):
    words: str
    persona: str
    samples: Samples


def questions(count: int, num_personas: int) -> list[Asked]:
    """The recorded ones of `sensorium demo` that can be answered without a picture, again and again."""
    folder = Path(str(resources.files("sensorium.cli") / "evening"))
    lines = [line for line in evening.lines(num_personas) if not line.sees]
    made = [Asked(line.words, line.persona, recording(folder / line.wav)) for line in lines]
    return list(islice(cycle(made), count))


async def heard_report(reports: asyncio.Queue[TurnReport]) -> TurnReport:
    """The next one of a turn that a person began aloud; personas may have answered one another before."""
    while True:
        report = await reports.get()
        if any(stage.name == "listen" for stage in report.stages):
            return report
