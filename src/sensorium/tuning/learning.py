"""A voice is learnt: low-rank matrices that make the mind say what was recorded, code by code.

One step reads a few sentences. Held-out ones are only measured, and the best state by them is what is kept.
All of it can be put aside as bytes and gone on with. Knows nothing of folders and of sound.
"""

from __future__ import annotations

import hashlib
import io
import math
import pickle
import zipfile
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from sensorium.clock import Clock
from sensorium.errors import BadInput
from sensorium.inference.speaking import SpeechTokens
from sensorium.tuning.decoder import Decoder, Lora, new_lora
from sensorium.tuning.script import Sentence

# What stands among codes is the alignment: without weight the voice forgets to ask for the next word.
TEXT_WEIGHT = 0.3
# So many of the codes that are read are any others than were said, and of each sentence up to so many those
# that the voice itself would have said: when it speaks it has nothing else to go on from.
WRONG_CODES, MOST_OWN_CODES = 0.03, 0.9
HELD_OUT_SHARE = 0.05
# What is learnt from codes that were said is too much where the voice goes on from its own: words are dragged
# and blurred. At half of its strength it is as near in colour (docs/decisions/0007).
SPOKEN_STRENGTH = 0.5
_WARMUP_STEPS = 20
_BETAS, _DECAY, _LONGEST_GRADIENT = (0.9, 0.98), 0.01, 1.0
_LENGTH_JITTER = 40.0  # in tokens: sentences of about one length are read together, and not always the same
_ROWS_AT_ONCE = 8
_KIND = "sensorium-voice-training-1"
_DAMAGE = (RuntimeError, LookupError, ValueError, TypeError, AttributeError, EOFError, pickle.UnpicklingError)


class Settings(NamedTuple):
    """`num_epochs` through the recordings, or `max_seconds` of learning, whichever ends first."""

    rank: int = 8
    alpha: float = 16.0
    rate: float = 3e-3
    tokens_per_step: int = 2_048
    num_epochs: int = 24
    max_seconds: float = 720.0
    seed: int = 1


class Score(NamedTuple):
    """Of the codes of held-out sentences: mean cross-entropy in nats, and the share guessed right."""

    loss: float
    right: float


class Progress(NamedTuple):
    """`seconds` of learning so far, the newest batch's loss, and held-out scores: of the mind without the
    voice, of the best state and of the newest that was measured."""

    step: int
    num_steps: int
    seconds: float
    loss: float
    first: Score
    best: Score
    newest: Score


class Batch(NamedTuple):
    """(rows, time): ids to be foreseen and as they are read, int64; the weight of each, float32; where the
    voice acts, bool."""

    ids: Tensor
    read: Tensor
    weights: Tensor
    acts: Tensor


class Learner:
    """`step` until `done`; `lora` is the best so far."""

    def __init__(
        self, decoder: Decoder, speech: SpeechTokens, sentences: Sequence[Sentence], settings: Settings
    ) -> None:
        """Raises BadInput for fewer than two sentences, one too long for the model, or a rank too large."""
        if len(sentences) < 2:
            raise BadInput(f"{len(sentences)} recordings are too few to learn from", remedy="record more")
        if (longest := max(len(s.ids) for s in sentences)) > decoder.max_tokens:
            raise BadInput(
                f"a sentence takes {longest} tokens, the model reads {decoder.max_tokens}",
                remedy="cut the longest recordings",
            )
        self._decoder, self._speech, self._settings = decoder, speech, settings
        order = np.random.default_rng(settings.seed).permutation(len(sentences)).tolist()
        num_held_out = max(1, round(HELD_OUT_SHARE * len(sentences)))
        self.held_out = [sentences[i] for i in order[:num_held_out]]
        self._learnt = [sentences[i] for i in order[num_held_out:]]
        lengths = [len(s.ids) for s in self._learnt]
        self._num_bins = max(1, sum(lengths) // max(settings.tokens_per_step, *lengths, 1))
        self.num_steps = self._num_bins * settings.num_epochs
        self._lora = new_lora(decoder.shape, settings.rank, settings.alpha, settings.seed)
        self._optimizer = torch.optim.AdamW(
            self._lora.parameters(), lr=settings.rate, betas=_BETAS, weight_decay=_DECAY
        )
        self._identity = _identity(decoder, sentences, settings)
        self._step, self._seconds, self._loss = 0, 0.0, math.nan
        self._first = self._best = self._newest = self._score()
        self._best_values = self._values()

    @property
    def done(self) -> bool:
        return self._step >= self.num_steps or self._seconds >= self._settings.max_seconds

    @property
    def progress(self) -> Progress:
        return Progress(
            self._step, self.num_steps, self._seconds, self._loss, self._first, self._best, self._newest
        )

    @property
    def lora(self) -> Lora:
        """The best state that was measured, as strong as it is to speak; it adds nothing while none was
        better than the mind alone."""
        names, half = list(self._lora.down), len(self._lora.down)
        return Lora(
            dict(zip(names, self._best_values[:half], strict=True)),
            dict(zip(names, self._best_values[half:], strict=True)),
            SPOKEN_STRENGTH * self._lora.scale,
        )

    def step(self, clock: Clock) -> Progress:
        """Learns from one batch; after every round through the recordings, and at the end, it measures."""
        started_s = clock.now_s()
        for group in self._optimizer.param_groups:
            group["lr"] = self._settings.rate * self._pace()
        rng = np.random.default_rng((self._settings.seed, self._step))
        batch = make_batch(self._speech, self._chosen(), rng)
        loss = self._batch_loss(self._with_own_codes(batch, rng))
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self._lora.parameters(), _LONGEST_GRADIENT)
        self._optimizer.step()
        self._loss = float(loss.detach())
        self._step += 1
        ends = self._seconds + clock.now_s() - started_s >= self._settings.max_seconds
        if ends or self._step % self._num_bins == 0:
            self.measure()
        self._seconds += clock.now_s() - started_s
        return self.progress

    def measure(self) -> None:
        """Scores the present state, and keeps it when it is the best."""
        self._newest = self._score()
        if self._newest.loss < self._best.loss:
            self._best, self._best_values = self._newest, self._values()

    def to_bytes(self) -> bytes:
        """All that `restore` needs, in a learner of the same mind, sentences and settings but for time."""
        kept = {
            "kind": _KIND,
            "identity": self._identity,
            "step": self._step,
            "seconds": self._seconds,
            "scores": [[*self._first], [*self._best], [*self._newest]],
            "values": self._values(),
            "best_values": self._best_values,
            "optimizer": self._optimizer.state_dict(),
        }
        data = io.BytesIO()
        torch.save(kept, data)
        return data.getvalue()

    def restore(self, data: bytes) -> None:
        """Goes on where `to_bytes` was called. Raises BadInput for bytes of something else, and when the
        recordings, the mind or the settings are not the same any more."""
        again = "delete it and train again without --resume"
        try:
            if not zipfile.is_zipfile(io.BytesIO(data)):
                raise BadInput("what was put aside is damaged", remedy=again)
            kept: dict[str, Any] = torch.load(io.BytesIO(data), weights_only=True)
            if kept["kind"] != _KIND:
                raise BadInput("what was put aside is of another version", remedy=again)
            if kept["identity"] != self._identity:
                raise BadInput(
                    "what was put aside was learnt from other recordings, settings or another model",
                    remedy=again,
                )
            scores = [Score(float(loss), float(right)) for loss, right in kept["scores"]]
            values, best_values = self._checked(kept["values"]), self._checked(kept["best_values"])
            step, seconds = int(kept["step"]), float(kept["seconds"])
            self._optimizer.load_state_dict(kept["optimizer"])
        except _DAMAGE as e:
            raise BadInput("what was put aside is damaged", remedy=again) from e
        with torch.no_grad():
            for parameter, value in zip(self._lora.parameters(), values, strict=True):
                parameter.copy_(value)
        self._first, self._best, self._newest = scores
        self._best_values, self._step, self._seconds = best_values, step, seconds

    def _pace(self) -> float:
        """The rate of this step, from 0 to 1: up within the first steps, then down along a cosine that ends
        with the last step or with the time."""
        settings = self._settings
        progress = max(self._step / self.num_steps, self._seconds / max(settings.max_seconds, 1e-9))
        down = 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))
        return max(0.02, down) * min(1.0, (self._step + 1) / min(_WARMUP_STEPS, 1 + self.num_steps // 10))

    def _chosen(self) -> list[Sentence]:
        """The sentences of this step: a bin of about equal lengths, bins in random order."""
        epoch, at = divmod(self._step, self._num_bins)
        rng = np.random.default_rng((self._settings.seed, epoch, 7))
        lengths = np.array([len(s.ids) for s in self._learnt])
        order = np.argsort(lengths + rng.uniform(0.0, _LENGTH_JITTER, len(lengths)))
        middles = np.cumsum(lengths[order]) - lengths[order] / 2
        bins = (middles * self._num_bins / lengths.sum()).astype(np.int64)
        chosen = order[bins == rng.permutation(self._num_bins)[at]]
        return [self._learnt[i] for i in chosen.tolist()]

    @torch.no_grad()
    def _with_own_codes(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """The same, read with some codes as this voice would say them now."""
        states = self._decoder.states(batch.read[:, :-1], self._lora, batch.acts[:, :-1])
        speech, said = self._speech, batch.ids[:, 1:]
        share = MOST_OWN_CODES * rng.random((len(said), 1))
        taken = is_code(speech, said.numpy()) & batch.acts[:, 1:].numpy() & (rng.random(said.shape) < share)
        at = torch.from_numpy(taken)
        end_of_codes = speech.first_code + speech.groups * speech.codes_per_group
        logits = self._decoder.logits(states[at])[:, speech.first_code : end_of_codes]
        groups = (said[at] - speech.first_code) // speech.codes_per_group
        by_group = logits.view(-1, speech.groups, speech.codes_per_group)
        own = by_group[torch.arange(len(groups)), groups].argmax(-1)
        read = batch.read.clone()
        read[:, 1:][at] = speech.first_code + groups * speech.codes_per_group + own
        return batch._replace(read=read)

    def _batch_loss(self, batch: Batch) -> Tensor:
        logits, wanted, weights = _foreseen(self._decoder, batch, self._lora)
        losses = functional.cross_entropy(logits, wanted, reduction="none")
        return (losses * weights).sum() / weights.sum()

    def _score(self) -> Score:
        return score(self._decoder, self._speech, self.held_out, self._lora)

    def _values(self) -> list[Tensor]:
        return [parameter.detach().clone() for parameter in self._lora.parameters()]

    def _checked(self, values: list[Tensor]) -> list[Tensor]:
        for value, parameter in zip(values, self._lora.parameters(), strict=True):
            if value.shape != parameter.shape or not bool(torch.isfinite(value).all()):
                raise ValueError("not the matrices of this learner")
        return values


def score(
    decoder: Decoder, speech: SpeechTokens, sentences: Sequence[Sentence], lora: Lora | None = None
) -> Score:
    """How well these sentences are foreseen; by the mind alone without `lora`."""
    total, right, num = 0.0, 0, 0
    with torch.no_grad():
        for first in range(0, len(sentences), _ROWS_AT_ONCE):
            batch = make_batch(speech, sentences[first : first + _ROWS_AT_ONCE], None)
            logits, wanted, weights = _foreseen(decoder, batch, lora)
            logits, wanted = logits[weights == 1.0], wanted[weights == 1.0]
            total += float(functional.cross_entropy(logits, wanted, reduction="sum"))
            right += int((logits.argmax(-1) == wanted).sum())
            num += len(wanted)
    return Score(total / max(num, 1), right / max(num, 1))


def _foreseen(decoder: Decoder, batch: Batch, lora: Lora | None) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (n, tokens), what was said (n,) and its weight, of all that has weight."""
    states = decoder.states(batch.read[:, :-1], lora, batch.acts[:, :-1])
    weights = batch.weights[:, 1:]
    counts = weights > 0
    return decoder.logits(states[counts]), batch.ids[:, 1:][counts], weights[counts]


def make_batch(speech: SpeechTokens, sentences: Sequence[Sentence], rng: np.random.Generator | None) -> Batch:
    """Padded on the right. `rng` draws which codes are read wrong; None: none."""
    size = (len(sentences), max(len(s.ids) for s in sentences))
    ids, weights = np.zeros(size, np.int64), np.zeros(size, np.float32)
    acts = np.zeros(size, bool)
    for row, sentence in enumerate(sentences):
        end, at = len(sentence.ids), sentence.speak_at
        ids[row, :end] = sentence.ids
        acts[row, at:end] = True
        spoken = sentence.ids[at + 1 :]
        weights[row, at + 1 : end] = np.where(is_code(speech, spoken), 1.0, TEXT_WEIGHT)
    read = ids if rng is None else _with_wrong_codes(speech, ids, acts, rng)
    return Batch(
        torch.from_numpy(ids), torch.from_numpy(read), torch.from_numpy(weights), torch.from_numpy(acts)
    )


def is_code(speech: SpeechTokens, ids: NDArray[Any]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (ids >= speech.first_code) & (
        ids < speech.first_code + speech.groups * speech.codes_per_group
    )
    return found


def _with_wrong_codes(
    speech: SpeechTokens, ids: NDArray[np.int64], acts: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.int64]:
    wrong = is_code(speech, ids) & acts & (rng.random(ids.shape) < WRONG_CODES)
    groups = (ids[wrong] - speech.first_code) // speech.codes_per_group
    read = ids.copy()
    others = rng.integers(0, speech.codes_per_group, len(groups))
    read[wrong] = speech.first_code + groups * speech.codes_per_group + others
    return read


def _identity(decoder: Decoder, sentences: Sequence[Sentence], settings: Settings) -> str:
    """Of all that must be the same for what was learnt to be gone on with; the time may change."""
    digest = hashlib.sha256(repr((decoder.fingerprint, settings._replace(max_seconds=0.0))).encode())
    for sentence in sentences:
        digest.update(sentence.ids.tobytes())
    return digest.hexdigest()
