"""From a folder of recordings to a voice file: read, put into codes, laid on words, learnt, written.

What was learnt is put aside in a folder on the way, so that nothing is lost when it is interrupted. Decides
nothing about names and asks nobody; that is the command line's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from sensorium.bundles.catalogue import Bundle
from sensorium.bundles.senses_file import Projection
from sensorium.clock import Clock
from sensorium.errors import BadInput, BundleError
from sensorium.hearing.encoder import EarModel, Encoder
from sensorium.inference.llama import LlamaBackend, LlamaConfig
from sensorium.inference.speaking import SpeechTokens
from sensorium.tuning import alignment, codec_encoder, decoder, kept, speakers, voice_file
from sensorium.tuning.learning import Learner, Progress, Settings
from sensorium.tuning.recordings import STOP, LeftOut, Recording, read_folder
from sensorium.tuning.script import Script, Sentence, speech_of
from sensorium.voices.card import Card

MIN_SECONDS, MAX_SECONDS = 300.0, 1_200.0
_SAVE_EVERY_S = 30.0
_PREVIEW_WORDS = 12


class Prepared(NamedTuple):
    """`seconds` of the recordings that are used; `speaker`: the token of the mind's own voice that they are
    begun with, None without."""

    sentences: list[Sentence]
    left_out: list[LeftOut]
    seconds: float
    speech: SpeechTokens
    speaker: int | None


class Stopped(NamedTuple):
    """Interrupted; what was learnt so far lies in `folder`."""

    folder: Path
    progress: Progress


class Made(NamedTuple):
    """The finished voice, its file and how it was learnt."""

    file: Path
    card: Card
    progress: Progress


class _Listener(NamedTuple):
    """What becomes of sound: words and states, phonemes, codes."""

    ear: Encoder
    phonemes: Projection
    encoder: codec_encoder.Encoder


def _listener(bundle: Bundle, script: Script) -> _Listener:
    ear = EarModel.load(bundle.file("ear"))
    phonemes = Projection.load(bundle.file("phonemes"), "phonemes", alignment.FRAMES_AFTER * ear.state_width)
    if phonemes.width != script.speech.phonemes:
        raise BundleError(
            f"bundle {bundle.name} hears {phonemes.width} phonemes and speaks {script.speech.phonemes}"
        )
    return _Listener(Encoder(ear), phonemes, codec_encoder.load(bundle.file("codec_encoder")))


def prepare(
    bundle: Bundle, recordings: Path, *, min_seconds: float = MIN_SECONDS, max_seconds: float = MAX_SECONDS
) -> Prepared:
    """Reads and aligns what can be used. Raises BadInput when that is less than `min_seconds`, BundleError
    when the bundle's mind does not speak or its files cannot be used."""
    _, speech = speech_of(bundle)
    if not speech.phonemes or not {"phonemes", "pronunciations"} <= bundle.files.keys():
        raise BundleError(
            f"bundle {bundle.name} does not spell what it says in phonemes",
            remedy="voices are made only for bundles that do",
        )
    with closing(LlamaBackend(bundle.file("mind"), LlamaConfig(cells=512, sequences=2))) as backend:
        script = Script(bundle, backend)
        listener = _listener(bundle, script)
        found, left_out = read_folder(recordings, frozenset(listener.ear.words), max_seconds=max_seconds)
        sentences: list[Sentence] = []
        seconds = 0.0
        for recording in found:
            try:
                sentences.append(_sentence(recording, script, listener))
            except BadInput as e:
                left_out.append(LeftOut(recording.name, e.message))
            else:
                seconds += recording.seconds
    if seconds < min_seconds:
        raise BadInput(
            f"{seconds / 60:.1f} minutes of recordings can be used, a voice needs {min_seconds / 60:.0f}; "
            f"left out: {summary(left_out)}",
            remedy="record more, or mend what was left out",
        )
    speaker = speakers.nearest(decoder.load(bundle.file("mind")), script.speech, sentences)
    return Prepared(speakers.by(sentences, speaker), left_out, seconds, script.speech, speaker)


def _sentence(recording: Recording, script: Script, listener: _Listener) -> Sentence:
    """Raises BadInput with the reason when it cannot be used."""
    labels = [1 + listener.ear.words.index(word) for word in recording.words if word != STOP]
    heard = alignment.listen(listener.ear, recording.samples)
    if alignment.agreement(heard.words, labels) < alignment.MIN_LOG_PROB:
        raise BadInput("the model's ear hears something else than its transcript")
    codes = codec_encoder.encode(listener.encoder, recording.samples)
    phonemes = script.phonemes(recording.words)
    found = alignment.spans(heard.states, phonemes, listener.phonemes, len(codes))
    if found is None:
        raise BadInput("it is too short for its transcript")
    return script.sentence(recording.words, [codes[span] for span in found])


def learn(
    bundle: Bundle,
    prepared: Prepared,
    settings: Settings,
    card: Card,
    folder: Path,
    clock: Clock,
    on_progress: Callable[[Progress], None],
    should_stop: Callable[[], bool],
    *,
    resume: bool,
) -> Made | Stopped:
    """Learns until it is done or `should_stop`. `card` says all but the preview text and the model.

    `folder` holds what is put aside and in the end the voice's file. Raises BadInput when nothing can be gone
    on with, when nothing was learnt, or when the disk refuses; BundleError when the mind is of another kind.
    """
    mind = bundle.file("mind")
    learner = Learner(decoder.load(mind), prepared.speech, prepared.sentences, settings)
    if resume:
        learner.restore(kept.read(folder))
    saved_s = clock.now_s()
    while not learner.done and not should_stop():
        on_progress(learner.step(clock))
        if clock.now_s() - saved_s >= _SAVE_EVERY_S:
            kept.save(folder, learner.to_bytes())
            saved_s = clock.now_s()
    kept.save(folder, learner.to_bytes())
    if not learner.done:
        return Stopped(folder, learner.progress)
    learner.measure()
    progress = learner.progress
    if not progress.best.loss < progress.first.loss:
        raise BadInput(
            "nothing was learnt from these recordings", remedy="check that sound and text belong together"
        )
    card = msgspec.structs.replace(
        card, preview_text=_preview_text(learner.held_out), base_sha256=bundle.files["mind"].sha256
    )
    file = folder / f"{card.name}.gguf"
    speaker = () if prepared.speaker is None else (prepared.speaker,)
    voice_file.write(file, learner.lora, card, (prepared.speech.open, *speaker))
    return Made(file, card, progress)


def summary(left_out: list[LeftOut]) -> str:
    """How many and why, most frequent reason first: "3 (2: it is silent; 1: it has no transcript)"."""
    reasons = Counter(reason.partition(":")[0] for _, reason in left_out).most_common()
    more = f"; {len(reasons) - 4} other reasons" if len(reasons) > 4 else ""
    listed = "; ".join(f"{count}: {reason}" for reason, count in reasons[:4])
    return f"{len(left_out)} ({listed}{more})" if left_out else "none"


def _preview_text(held_out: list[Sentence]) -> str:
    """The longest held-out sentence of at most twelve words, else the shortest."""
    texts = sorted((s.text for s in held_out), key=lambda text: len(text.split()))
    short = [text for text in texts if len(text.split()) <= _PREVIEW_WORDS]
    return short[-1] if short else texts[0]
