"""How well the personas' voices are kept: sentences that no voice learnt from, spoken by the mind with the
voice's adapter, against espeak-ng in that persona's style.

The target is espeak-ng as the codec renders it, for word errors and envelope alike: nothing that speaks in
codes can come nearer to espeak-ng's own sound than the codec does (0.12 to 0.20 nat), and NANO.md measured it
so. How far the original is stands beside it. `python -m training.mind.voice_exam [--count N] [--only NAME...]
[--mind GGUF --voices FOLDER] [--json]`; the table of training/evaluate.py has these rows, too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import torch

from sensorium.bundles import gguf_adapter
from sensorium.bundles.catalogue import find
from sensorium.errors import BadInput, NotFound, SensoriumError
from sensorium.request import AdapterUse
from sensorium.store.seed import NUM_IN_ROOM, shipped_personas
from training.espeak import Style, engine
from training.mind import voice_swap
from training.mind.answer import Answerer
from training.mind.mouth import BASE_STYLE, personas_styles
from training.mind.speech_exam import SEED, By, Said, measures, rendered, say, sentences
from training.timbre import Centroids, Timbre, distance, timbre

WER_BAR, F0_BAR, ENVELOPE_BAR, ENVELOPE_SHARE_BAR, APART_BAR = 0.06, 0.05, 0.10, 0.25, 0.98
# Sentences that the classifier learns from are others than those of the examination.
CENTROIDS_SEED = 8_150_000
NUM_FOR_CENTROIDS = 48
# Less is too little of a voice to know it by: what the codec itself renders is taken for another's. Of 198
# sentences of four words or more in six voices none was, of 42 shorter ones 9.
LEAST_WORDS = 4

Voices = Mapping[str, Sequence[Said]]


def find_voices(folder: Path | None = None) -> dict[str, Path]:
    """The voices that come with nano, checked; or those in a folder, NAME.gguf or NAME/NAME.gguf, as
    training/voices.py leaves them. By persona, in the order of personas. Raises BadInput for none."""
    nano, names = find("nano"), [persona.id for persona in shipped_personas()]
    if folder is None:
        voices = {name: nano.voice(name) for name in names if name in nano.voices}
    else:
        found = {path.stem: path for path in [*folder.glob("*.gguf"), *folder.glob("*/*.gguf")]}
        voices = {name: found[name] for name in names if name in found}
    if not voices:
        raise BadInput("there is no voice to measure", remedy="make them: python -m training.voices")
    return voices


def check_made_for(mind: Path, voices: Mapping[str, Path]) -> None:
    """Raises BadInput naming the first voice that was made for another mind: the house would refuse it."""
    with mind.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    for name, path in voices.items():
        if gguf_adapter.read_head(path).text(gguf_adapter.BASE_SHA256) not in ("", sha256):
            raise BadInput(f"voice {name} was made for another mind", remedy="python -m training.voices")


def rows(
    count: int = 40,
    gguf: Path | None = None,
    voices: Mapping[str, Path] | None = None,
    num_for_centroids: int = NUM_FOR_CENTROIDS,
) -> list[dict[str, Any]]:
    """One for each voice, with `count` sentences of its own; who is told apart; what changing voices costs.

    Raises BadInput when there is no voice to measure, or one of another mind.
    """
    mind = gguf or find("nano").file("mind")
    voices = voices or find_voices()
    check_made_for(mind, voices)
    styles = persona_styles()
    seeds = {name: SEED + 1 + i for i, name in enumerate(styles)}
    said: dict[str, list[Said]] = {}
    answerer = Answerer(mind, speaks=True)
    try:
        for name, file in voices.items():
            answerer.adapters.register(name, file)
            texts = sentences(count, seeds[name])
            said[name] = say(answerer, texts, styles[name], (AdapterUse(name, 1.0),))
    finally:
        answerer.close()
    table = [_row(name, some) for name, some in said.items()]
    if len(voices) > 1:
        table += _apart_rows(said, styles, num_for_centroids)
        table += voice_swap.rows(mind, voices)
    return table


def persona_styles() -> dict[str, Style]:
    """How espeak-ng speaks for each of the shipped personas."""
    return {p.id: style for p, style in zip(shipped_personas(), personas_styles(), strict=True)}


def _row(name: str, said: Sequence[Said]) -> dict[str, Any]:
    found = measures(said)
    timbres: dict[By, Timbre] = {by: timbre([s.sounds[by] for s in said]) for by in get_args(By)}
    base = timbre([rendered(engine().speak(" ".join(s.words), BASE_STYLE).samples) for s in said])
    to_target, to_base = (distance(timbres["mind"], other) for other in (timbres["codec"], base))
    met = {
        "f0": abs(found["f0_hz"] / found["f0_hz_original"] - 1.0) <= F0_BAR,
        "envelope": to_target < ENVELOPE_BAR and to_target < ENVELOPE_SHARE_BAR * to_base,
        "words": found["wer_mind"] - found["wer_codec"] <= WER_BAR,
    }
    return {
        "part": "voices",
        "skill": name,
        **found,
        "envelope_to_target": to_target,
        "envelope_to_base": to_base,
        "envelope_to_original": distance(timbres["mind"], timbres["original"]),
        "envelope_codec_to_original": distance(timbres["codec"], timbres["original"]),
        "bar": f"F0 {F0_BAR:.0%}, envelope {ENVELOPE_BAR} nat and {ENVELOPE_SHARE_BAR} of the base's, "
        f"WER codec + {WER_BAR:.0%}",
        "missed": [what for what, is_met in met.items() if not is_met],
        "met": all(met.values()),
    }


def _apart_rows(said: Voices, styles: Mapping[str, Style], num_for_centroids: int) -> list[dict[str, Any]]:
    """Of those in the room, and of all where there are more."""
    asked = [s.words for some in said.values() for s in some]
    others = [words for words in sentences(num_for_centroids, CENTROIDS_SEED) if words not in asked]
    known: dict[By, dict[str, list[Timbre]]] = {"original": {}, "codec": {}}
    for name in said:
        spoken = [engine().speak(" ".join(words), styles[name]).samples for words in others]
        known["original"][name] = [timbre([sound]) for sound in spoken]
        known["codec"][name] = [timbre([rendered(sound)]) for sound in spoken]
    heard = {name: [_Heard.of(s) for s in some] for name, some in said.items()}
    room = [persona.id for persona in shipped_personas()[:NUM_IN_ROOM] if persona.id in said]
    groups = {f"told apart, {len(room)} in the room": room}
    if len(said) > len(room):
        groups[f"told apart, all {len(said)}"] = list(said)
    return [_apart_row(skill, names, known, heard) for skill, names in groups.items() if len(names) > 1]


class _Heard(NamedTuple):
    """One sentence of the examination: is it long enough, and what it measures, by who says it."""

    counts: bool
    timbres: dict[By, Timbre]

    @classmethod
    def of(cls, said: Said) -> _Heard:
        num_words = len(said.words) - said.words.count(".")
        return cls(num_words >= LEAST_WORDS, {by: timbre([sound]) for by, sound in said.sounds.items()})


def _apart_row(
    skill: str,
    names: Sequence[str],
    known: Mapping[By, Mapping[str, Sequence[Timbre]]],
    heard: Mapping[str, Sequence[_Heard]],
) -> dict[str, Any]:
    """`right`: the mind's sentences of four words or more, by centroids of what the codec renders. Beside
    it: with the shorter ones; by centroids of espeak-ng's own sound; and what the codec and espeak-ng
    themselves reach, the ceilings of these."""
    near = {by: Centroids({name: known[by][name] for name in names}) for by in ("original", "codec")}

    def right(of: By, by: By, *, with_short: bool = False) -> float:
        marks = [
            near[by].nearest(one.timbres[of]) == name
            for name in names
            for one in heard[name]
            if one.counts or with_short
        ]
        return sum(marks) / max(1, len(marks))

    share = right("mind", "codec")
    return {
        "part": "voices",
        "skill": skill,
        "right": share,
        "right_with_short_ones": right("mind", "codec", with_short=True),
        "right_codec": right("codec", "codec"),
        "right_codec_with_short_ones": right("codec", "codec", with_short=True),
        "right_by_originals": right("mind", "original"),
        "right_codec_by_originals": right("codec", "original"),
        "right_original_by_originals": right("original", "original"),
        "sentences": sum(one.counts for name in names for one in heard[name]),
        "bar": APART_BAR,
        "met": share >= APART_BAR,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=40, help="sentences of each voice")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="voices to measure")
    parser.add_argument("--mind", type=Path, help="a mind.gguf that is not the shipped one")
    parser.add_argument("--voices", type=Path, help="a folder of voices, as training/runs/voices")
    parser.add_argument("--json", action="store_true", help="one JSON object in place of the rows")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    try:
        voices = find_voices(arguments.voices)
        for name in arguments.only:
            if name not in voices:
                raise NotFound.named("voice", name, voices)
        chosen = {name: voices[name] for name in voices if name in (arguments.only or voices)}
        table = rows(arguments.count, arguments.mind, chosen)
    except SensoriumError as e:
        sys.exit(f"training.mind.voice_exam: {e.one_line()}")
    if arguments.json:
        print(json.dumps({"rows": table}))
        return
    print(as_text(table))


def as_text(table: Sequence[dict[str, Any]]) -> str:
    """The voices as a table of README.md, the other rows a line each."""
    lines = [
        "| voice | F0 Hz | target | envelope to target | to base | WER | codec's | ends | duration | met |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in table:
        if "envelope_to_target" not in row:
            shown = {key: value for key, value in row.items() if key not in ("part", "skill")}
            lines.append(f"{row['skill']}: {json.dumps(shown)}")
            continue
        lines.append(
            f"| {row['skill']} | {row['f0_hz']:.0f} | {row['f0_hz_original']:.0f} "
            f"| {row['envelope_to_target']:.3f} | {row['envelope_to_base']:.3f} "
            f"| {row['wer_mind']:.1%} | {row['wer_codec']:.1%} | {row['ended']:.0%} "
            f"| {row['duration']:.2f} | {'yes' if row['met'] else ', '.join(row['missed'])} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
