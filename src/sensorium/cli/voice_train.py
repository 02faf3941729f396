"""`sensorium voice train`: a voice out of recordings, with the consent of whoever speaks in them."""

from __future__ import annotations

import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter

from sensorium.cli.output import INTERRUPTED, Home, Json, Output, run
from sensorium.cli.voice_intake import speaking, take_in
from sensorium.cli.voice_shelf import shipped
from sensorium.clock import SystemClock
from sensorium.config import Config
from sensorium.errors import BadInput, MissingExtra
from sensorium.persona import VOICE_NAME
from sensorium.store import voices
from sensorium.store.store import Store
from sensorium.tuning import kept
from sensorium.voices import card
from sensorium.voices.card import Card

if TYPE_CHECKING:
    from sensorium.tuning.learning import Progress
    from sensorium.tuning.studio import Made, Prepared

FOLDER = "voice-training"
_CARD = "card.json"
_SAY_EVERY_S = 10.0
_REFUSALS = {"no", "n", "none", "nobody", "-"}
_QUESTIONS = {
    "consent": "Who speaks in these recordings, and did they agree that a voice is made of them?",
    "licence": "Under which licence may the voice be used? (an SPDX name, for example CC-BY-4.0)",
    "attribution": "Who is to be named as its author?",
}

Name = Annotated[
    str, Parameter(help="What the voice will be called: lower-case letters, digits, - and _, at most 32.")
]
From = Annotated[
    Path,
    Parameter(
        name="--from",
        help="Folder of 5 to 20 minutes of WAV recordings: X.wav with X.txt beside it, or one metadata.csv "
        'with lines "file|text".',
    ),
]
Consent = Annotated[
    str, Parameter(show_default=False, help="Who speaks, and that they agreed; asked for when not given.")
]
Licence = Annotated[
    str, Parameter(show_default=False, help="Its licence, best an SPDX name; asked for when not given.")
]
Attribution = Annotated[
    str, Parameter(show_default=False, help="Who is named as its author; asked for when not given.")
]
Resume = Annotated[
    bool,
    Parameter(negative="", show_default=False, help="Go on where a training of this name was stopped."),
]
Minutes = Annotated[float, Parameter(help="Learn for so long at most, all attempts together.")]
Rank = Annotated[int, Parameter(help="How much the voice can hold; its file grows with it.")]


def train(
    *,
    name: Name,
    from_: From,
    consent: Consent = "",
    licence: Licence = "",
    attribution: Attribution = "",
    resume: Resume = False,
    minutes: Minutes = 12.0,
    rank: Rank = 8,
    json: Json = False,
    home: Home = None,
) -> None:
    """Makes a voice out of recordings of one person and takes it in.

    One sentence a recording, 0.4 to 15 s, 16 kHz or more, not clipped, its transcript in words that the
    model's ear knows. What cannot be used is left out and named. Ctrl-C keeps what was learnt: --resume goes
    on, and with --minutes 0 makes the voice of what is there. Needs the extra `train`.

    Example: sensorium voice train --name warm --from recordings --consent "Ann Lee, who agreed in writing"
    """
    with run("voice train", json) as output:
        _check_numbers(minutes, rank)
        config = Config.load(home)
        bundle = speaking(config)
        _check_extra()
        folder = Path(config.home) / FOLDER / name
        _check_name(config, name, folder, resume)
        words = _card(name, folder, resume, consent=consent, licence=licence, attribution=attribution)

        from sensorium.tuning import studio
        from sensorium.tuning.learning import Settings

        output.text("Reading the recordings ...")
        prepared = studio.prepare(bundle, from_)
        _tell_prepared(output, prepared)
        _keep(folder / _CARD, words)
        settings = Settings(rank=rank, alpha=2.0 * rank, max_seconds=60.0 * minutes)
        tell = _Teller(output)
        with _stopping() as stop:
            made = studio.learn(
                bundle, prepared, settings, words, folder, SystemClock(), tell, stop, resume=resume
            )
        if isinstance(made, studio.Stopped):
            sys.stderr.write(f"sensorium: stopped and kept in {folder} (go on with --resume)\n")
            raise SystemExit(INTERRUPTED)
        voice, _ = take_in(config, made.file)
        shutil.rmtree(folder, ignore_errors=True)
        output.result({"voice": msgspec.structs.asdict(voice), **_facts(prepared, made)})
        _tell_made(output, made)


class _Teller:
    """A line for people now and then."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._said_s = -_SAY_EVERY_S

    def __call__(self, progress: Progress) -> None:
        if progress.seconds - self._said_s < _SAY_EVERY_S and progress.step < progress.num_steps:
            return
        self._said_s = progress.seconds
        self._output.text(
            f"  step {progress.step} of at most {progress.num_steps}, {progress.seconds:.0f} s; "
            f"held-out codes right {progress.newest.right:.0%} (without it {progress.first.right:.0%}), "
            f"loss {progress.loss:.2f}"
        )


def _check_extra() -> None:
    for package in ("torch", "gguf"):
        if find_spec(package) is None:
            raise MissingExtra(f"{package} is not installed", remedy="pip install 'sensorium[train]'")


def _check_numbers(minutes: float, rank: int) -> None:
    if not 0.0 <= minutes <= 24 * 60:
        raise BadInput(f"--minutes is {minutes}", remedy="choose 0 to 1440")
    if not 1 <= rank <= 64:
        raise BadInput(f"--rank is {rank}", remedy="choose 1 to 64")


def _check_name(config: Config, name: str, folder: Path, resume: bool) -> None:
    """Raises BadInput before anything is asked or read that would be in vain."""
    if not re.fullmatch(VOICE_NAME, name):
        raise BadInput(f"{name!r} is no voice name", remedy="lower-case letters, digits, - and _, at most 32")
    with Store.open(config.store_path) as store:
        for voice in store.read(voices.all_of, shipped(config)[0]).result():
            if voice.name == name:
                where = f" in bundle {voice.bundle}" if voice.bundle else ""
                first = "" if voice.bundle else f", or first: sensorium voice remove {name}"
                raise BadInput(
                    f"there is a voice {name!r} already{where}", remedy=f"choose another name{first}"
                )
    begun = kept.is_in(folder)
    if begun and not resume:
        raise BadInput(
            f"a training of {name!r} was begun and not finished", remedy=f"add --resume, or delete {folder}"
        )
    if resume and not begun:
        raise BadInput(f"no training of {name!r} was begun", remedy="train without --resume")


def _card(name: str, folder: Path, resume: bool, **given: str) -> Card:
    """What the voice says about itself, but for the preview text: given, kept from before, or asked for."""
    before = _kept(folder / _CARD) if resume else {}
    answers = {field: " ".join((text or before.get(field, "")).split()) for field, text in given.items()}
    for field, answer in answers.items():
        if not answer:
            answers[field] = _ask(field)
    if answers["consent"].lower().strip(". ") in _REFUSALS:
        raise BadInput("no voice is made of somebody who did not agree")
    return card.check(Card(name=name, preview_text="to come", **answers))


def _ask(field: str) -> str:
    question = _QUESTIONS[field]
    if not sys.stdin.isatty():
        raise BadInput(f"{question} Nobody is here to ask", remedy=f"add --{field} TEXT")
    sys.stderr.write(f"{question} ")
    sys.stderr.flush()
    return " ".join(sys.stdin.readline().split())


def _keep(path: Path, words: Card) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.encode(words))
    except OSError as e:
        raise BadInput(f"{path} cannot be written: {e.strerror}", remedy="free some space") from e


def _kept(path: Path) -> dict[str, str]:
    """What was answered when the training began; nothing when that cannot be read: it is asked again."""
    try:
        return msgspec.json.decode(path.read_bytes()[:100_000], type=dict[str, str])
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return {}


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """Inside, the first Ctrl-C only asks to stop; a second one interrupts."""
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.stderr.write("\nStopping after this step ...\n")

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


def _tell_prepared(output: Output, prepared: Prepared) -> None:
    from sensorium.tuning.studio import summary

    output.text(f"  {len(prepared.sentences)} recordings, {prepared.seconds / 60:.1f} minutes.")
    if prepared.speaker is not None:
        number = prepared.speech.speakers.index(prepared.speaker) + 1
        output.text(f"  It starts from the model's own voice number {number}, which is nearest.")
    if prepared.left_out:
        output.text(f"  Left out: {summary(prepared.left_out)}")
        for name, reason in prepared.left_out:
            output.text(f"    {name}: {reason}")


def _tell_made(output: Output, made: Made) -> None:
    progress = made.progress
    output.text(
        f"Made {made.card.name} in {progress.seconds:.0f} s: held-out codes right {progress.best.right:.0%} "
        f"(without it {progress.first.right:.0%})."
    )
    output.text(f"Hear it: sensorium voice preview {made.card.name}")


def _facts(prepared: Prepared, made: Made) -> dict[str, Any]:
    first, best = made.progress.first, made.progress.best
    return {
        "recordings": len(prepared.sentences),
        "minutes": round(prepared.seconds / 60, 2),
        "left_out": [{"file": name, "reason": reason} for name, reason in prepared.left_out],
        "steps": made.progress.step,
        "seconds": round(made.progress.seconds, 1),
        "held_out": {
            "loss_before": first.loss, "loss": best.loss, "right_before": first.right, "right": best.right,
        },
    }  # fmt: skip
