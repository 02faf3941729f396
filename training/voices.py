"""Makes the personas' voices as anybody would: `python -m training.voices [--only NAME...] [--all]
[--minutes 9] [--processes 2] [--mind GGUF] [--fresh]`.

espeak-ng speaks sentences in the persona's style, and these recordings go the way of `sensorium voice train`:
read, aligned by the bundle's ear, learnt, written with a card. All is kept under training/runs/voices/NAME:
Ctrl-C or SIGTERM stops, the same command goes on. Finished voices go into the bundle when they were made for
its own mind. One process each, as espeak-ng is global state.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

import torch
from msgspec.structs import replace

from sensorium.audio import write_wav
from sensorium.bundles.catalogue import Bundle, BundleFile, find
from sensorium.clock import SystemClock
from sensorium.errors import BadInput, NotFound, SensoriumError
from sensorium.hearing.encoder import EarModel
from sensorium.store.seed import NUM_IN_ROOM, shipped_personas
from sensorium.tuning import kept, studio
from sensorium.tuning.learning import Progress, Settings
from sensorium.tuning.recordings import SAMPLE_RATE_HZ, STOP
from sensorium.voices import card
from sensorium.voices.card import Card
from training.ear import bundle as shipped
from training.espeak import Style, engine
from training.mind.answer import SPEECH
from training.mind.mouth import draw_words, personas_styles

RUNS = Path(__file__).parent / "runs" / "voices"
SEED = 20_261_121
LICENCE = "Apache-2.0"
CONSENT = "nobody was recorded: synthetic speech of espeak-ng"
# Of what is spoken; the ear may hear something else in the rest.
_LEAST_USABLE = 0.5
_SAY_EVERY_S = 15.0
_FAILED, STOPPED = 1, 130


class Job(NamedTuple):
    """One voice: whose, `minutes` of speech to learn from and of learning; `mind` None is nano's own. What is
    kept and made lies in `folder`."""

    name: str
    style: Style
    folder: Path
    minutes: float = 9.0
    learning_minutes: float = 12.0
    mind: Path | None = None
    settings: Settings = Settings()

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.gguf"


def jobs_for(names: Sequence[str], *, everybody: bool, runs: Path = RUNS) -> list[Job]:
    """Of the personas that are named, of all, or of those in the room. Raises NotFound."""
    styles = {p.id: style for p, style in zip(shipped_personas(), personas_styles(), strict=True)}
    for name in names:
        if name not in styles:
            raise NotFound.named("persona", name, styles)
    chosen = list(names) or list(styles)[: len(styles) if everybody else NUM_IN_ROOM]
    return [Job(name, styles[name], runs / name) for name in chosen]


def draw_sentences(seed: int, known_words: Collection[str]) -> Iterator[list[str]]:
    """Endless things to say with their full stop, none twice, all of training's split, in words that the ear
    knows."""
    rng, said = random.Random(seed), set[str]()
    while True:
        words = draw_words(rng, "train", odd_share=0.0)
        if (text := " ".join(words)) not in said and {*words} - {STOP} <= {*known_words}:
            said.add(text)
            yield words


def record(job: Job, known_words: Collection[str], folder: Path) -> None:
    """espeak-ng's recordings of a voice as `sensorium voice train --from` takes them, X.wav beside X.txt; the
    folder appears whole or not at all."""
    part, seconds = folder.with_suffix(".part"), 0.0
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for number, words in enumerate(draw_sentences(SEED, known_words)):
        samples = engine().speak(" ".join(words), job.style).samples
        write_wav(part / f"{number:04}.wav", samples, SAMPLE_RATE_HZ)
        (part / f"{number:04}.txt").write_text(" ".join(words))
        seconds += len(samples) / SAMPLE_RATE_HZ
        if seconds >= 60.0 * job.minutes:
            break
    part.rename(folder)


def bundle_with(mind: Path | None, folder: Path) -> Bundle:
    """nano as it is shipped; with another mind, one that speaks and lies in `folder`."""
    nano = find("nano")
    if mind is None:
        return nano
    if not mind.is_file():
        raise BadInput(f"there is no {mind}", remedy="name the mind.gguf that training.mind.export wrote")
    roles = ("ear", "codec", "codec_encoder", "phonemes", "pronunciations")
    paths = {"mind": mind, **{role: nano.file(role) for role in roles}}
    files = {}
    for role, path in paths.items():
        copy = shutil.copyfile(path, folder / f"{role}{path.suffix}")
        files[role] = BundleFile(path=copy.name, sha256=_sha256(copy))
    return replace(
        nano,
        folder=str(folder),
        files=files,
        voices={},
        capabilities=replace(nano.capabilities, audio_out=True),
        speech=SPEECH,
    )


def make(job: Job, should_stop: Callable[[], bool]) -> Path | None:
    """The voice's file; None when it was stopped and all so far is kept. Raises as the studio does."""
    recordings = job.folder / "recordings"
    with tempfile.TemporaryDirectory(prefix="sensorium-mind-") as folder:
        bundle = bundle_with(job.mind, Path(folder))
        if made_for(job.file) == bundle.files["mind"].sha256:
            tell(job, "is made already; --fresh makes it anew")
            return job.file
        # Kept, as espeak-ng's breath is drawn by chance, and learning goes on from the same recordings only.
        if not recordings.is_dir():
            tell(job, f"espeak-ng speaks {job.minutes:g} minutes")
            record(job, frozenset(EarModel.load(bundle.file("ear")).words), recordings)
        least_s = min(studio.MIN_SECONDS, 60.0 * job.minutes * _LEAST_USABLE)
        prepared = studio.prepare(bundle, recordings, min_seconds=least_s)
        left_out = studio.summary(prepared.left_out)
        tell(job, f"{len(prepared.sentences)} sentences, {prepared.seconds:.0f} s; left out: {left_out}")
        settings = job.settings._replace(max_seconds=60.0 * job.learning_minutes)
        resume, clock, teller = kept.is_in(job.folder), SystemClock(), _Teller(job)
        made = studio.learn(
            bundle, prepared, settings, _card(job), job.folder, clock, teller, should_stop, resume=resume
        )
    if isinstance(made, studio.Stopped):
        tell(job, f"stopped at step {made.progress.step}; the same command goes on")
        return None
    (job.folder / kept.NAME).unlink()
    shutil.rmtree(recordings)
    first, best = made.progress.first, made.progress.best
    right = f"held-out codes right {best.right:.1%} (without it {first.right:.1%})"
    tell(
        job,
        f"made in {made.progress.seconds:.0f} s: {right}, cross-entropy {best.loss:.2f} ({first.loss:.2f})",
    )
    return made.file


def ship(job: Job) -> bool:
    """Puts a finished voice into the bundle; False when it was made for another mind than nano's."""
    if made_for(job.file) != find("nano").files["mind"].sha256:
        return False
    target = shipped.BUNDLE / shipped.VOICES / job.file.name
    target.parent.mkdir(exist_ok=True)
    part = target.with_suffix(".part")
    shutil.copyfile(job.file, part)
    part.replace(target)
    shipped.record_voice(job.name, target)
    return True


def made_for(file: Path) -> str:
    """The sha256 of the mind that a voice was made for, "" when there is no such voice."""
    return card.read(file)[0].base_sha256 if file.is_file() else ""


def make_all(jobs: Sequence[Job], processes: int) -> list[Job]:
    """Those that were made; each goes into the bundle as soon as it is. Raises KeyboardInterrupt after all
    have stopped and kept what they learnt."""
    context = multiprocessing.get_context("spawn")
    waiting, running, made = deque(jobs), dict[BaseProcess, Job](), list[Job]()
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                job = waiting.popleft()
                process: BaseProcess = context.Process(target=_run, args=(job,))
                running[process] = job
                process.start()
            wait([process.sentinel for process in running])
            for process in [process for process in running if process.exitcode is not None]:
                job = running.pop(process)
                if process.exitcode == 0:
                    tell(job, "is in the bundle" if ship(job) else f"stays in {job.folder}: for another mind")
                    made.append(job)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.join()
    return made


def _run(job: Job) -> None:
    """A process of its own, on one thread; SIGINT and SIGTERM only ask it to stop."""
    asked = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.append(True))
    torch.set_num_threads(1)
    try:
        done = make(job, lambda: bool(asked))
    except SensoriumError as e:
        tell(job, f"not made: {e.one_line()}")
        sys.exit(_FAILED)
    sys.exit(0 if done else STOPPED)


def tell(job: Job, text: str) -> None:
    print(f"{job.name}: {text}", flush=True)


class _Teller:
    """A line now and then."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._said_s = -_SAY_EVERY_S

    def __call__(self, progress: Progress) -> None:
        if progress.seconds - self._said_s >= _SAY_EVERY_S:
            self._said_s = progress.seconds
            where = f"step {progress.step} of at most {progress.num_steps}, {progress.seconds:.0f} s"
            held_out = f"{progress.newest.loss:.2f}, {progress.newest.right:.1%} right"
            tell(self._job, f"{where}; loss {progress.loss:.2f}; held-out {held_out}")


def _card(job: Job) -> Card:
    """The preview text is a held-out sentence that the studio puts in."""
    return Card(
        name=job.name,
        licence=LICENCE,
        attribution=f"Sensorium project, espeak-ng voice {job.style.voice}",
        consent=CONSENT,
        preview_text="to come",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="personas, by id")
    parser.add_argument(
        "--all", action="store_true", help=f"all personas, not only the {NUM_IN_ROOM} in the room"
    )
    parser.add_argument("--minutes", type=float, default=9.0, help="of speech to learn from, at most 20")
    parser.add_argument(
        "--learning-minutes", type=float, default=12.0, help="of learning, at most, for each voice"
    )
    parser.add_argument("--processes", type=int, default=2, help="voices at a time, one thread each")
    parser.add_argument(
        "--mind", type=Path, help="a mind.gguf in place of nano's; such voices are not shipped"
    )
    parser.add_argument("--fresh", action="store_true", help="forget what was kept and made of these voices")
    arguments = parser.parse_args()
    if not 0.0 < arguments.minutes <= studio.MAX_SECONDS / 60.0 or arguments.processes < 1:
        parser.error("--minutes is more than 0 and at most 20, --processes at least 1")
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes to come
    # A job in the background does not hear Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        common = {key: getattr(arguments, key) for key in ("minutes", "learning_minutes", "mind")}
        jobs = [job._replace(**common) for job in jobs_for(arguments.only, everybody=arguments.all)]
        for job in jobs if arguments.fresh else ():
            shutil.rmtree(job.folder, ignore_errors=True)
        made = make_all(jobs, arguments.processes)
    except SensoriumError as e:
        sys.exit(f"training.voices: {e.one_line()}")
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
        sys.exit(STOPPED)
    if missing := [job.name for job in jobs if job not in made]:
        sys.exit(f"not made: {', '.join(missing)} (--fresh forgets what was kept of them)")


if __name__ == "__main__":
    main()
