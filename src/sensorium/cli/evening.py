"""The scripted evening: what is asked, what proves an answer, and what each turn may cost. Pure.

Reads evening/evening.toml and the recorded questions beside it; runs nothing and shows nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import msgspec

from sensorium.cli.running import read_pcm
from sensorium.front.report import TurnReport
from sensorium.persona import Persona

# What a microphone would go on sending after the last word.
SILENCE_S = 3.0
# DESIGN section 1, in milliseconds and tokens.
BUDGETS = {"hearing_ms": 50.0, "first_sound_ms": 150.0, "voice_to_voice_ms": 3000.0, "processed_tokens": 200}


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing Sam says. The words of evening.toml's head explain the fields."""

    wav: str
    words: str
    persona: str
    tier: str
    fact: str = ""
    proof: str = ""
    sees: str = ""
    min_personas: int = 0

    def proven_by(self, present: Sequence[Persona]) -> str:
        """The word that an answer read from the prompt holds. Raises KeyError for a fact nobody has."""
        if not self.fact:
            return self.proof
        return {p.id: p for p in present}[self.persona].facts[self.fact]

    def question(self) -> tuple[bytes, int]:
        """What the microphone hears: mono s16le with the silence after it, and its rate."""
        pcm, rate_hz = read_pcm(Path(str(files("sensorium.cli").joinpath(f"evening/{self.wav}"))))
        return pcm + bytes(2 * round(SILENCE_S * rate_hz)), rate_hz


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    line: tuple[Line, ...]


class Played(msgspec.Struct, frozen=True):
    """One line and what came of it. `wav`: the reply's file, "" when nothing was said."""

    line: Line
    report: TurnReport
    wav: str
    proven: bool

    @property
    def went_right(self) -> bool:
        """The one who was asked answered, and nothing failed. What it said is another matter."""
        return not self.report.error and self.report.persona == self.line.persona

    def measured(self) -> dict[str, float]:
        """What has a budget, by name; a stage that did not happen is left out."""
        report = self.report
        chunks = [s.ms for s in report.stages if s.process == "hearing" and s.name.endswith("chunk")]
        values = {
            "hearing_ms": max(chunks, default=None),
            "first_sound_ms": report.stages_ms.get("front.first_sound"),
            "voice_to_voice_ms": report.voice_to_voice_ms,
            "processed_tokens": float(report.processed_tokens),
        }
        return {name: value for name, value in values.items() if value is not None}

    def within_budget(self) -> dict[str, bool]:
        return {name: value <= BUDGETS[name] for name, value in self.measured().items()}

    def row(self) -> dict[str, object]:
        """The turn as one JSON object."""
        return {
            **self.report.row(self.wav),
            "asked": self.line.words,
            "expected_persona": self.line.persona,
            "right_persona": self.report.persona == self.line.persona,
            "answer_from": self.line.tier,
            "answer_proven": self.proven,
            "within_budget": self.within_budget(),
        }


def lines(num_personas: int) -> list[Line]:
    """The script for so many personas."""
    text = files("sensorium.cli").joinpath("evening/evening.toml").read_bytes()
    script = msgspec.toml.decode(text, type=Script)
    return [line for line in script.line if line.min_personas <= num_personas]


def played(line: Line, report: TurnReport, wav: str, present: Sequence[Persona]) -> Played:
    return Played(line, report, wav, line.proven_by(present) in report.said.lower())


def reply_seconds(report: TurnReport) -> float:
    return len(report.pcm) / 2 / report.sample_rate_hz if report.sample_rate_hz else 0.0
