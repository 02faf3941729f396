"""The streaming encoder: 80 ms of sound and the state in, word logits and 25 Hz frames out, on onnxruntime.

Knows nothing of silence, utterances or where the sound comes from. One model, many streams.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.bundles import onnx_file
from sensorium.errors import BadInput, BundleError

SAMPLE_RATE_HZ = 16_000
CHUNK_SAMPLES = 1280
FRAMES_PER_CHUNK = 2

_KIND = "sensorium-ear-1"


class Frames(NamedTuple):
    """One chunk. `words`: CTC logits, blank first; `states`: what a mind may read instead of words."""

    words: NDArray[np.float32]  # (2, 1 + words)
    states: NDArray[np.float32]  # (2, width)


class EarModel:
    """Checked weights, shared by all streams of a process. Make one with `load`."""

    def __init__(self, session: Any, words: tuple[str, ...]) -> None:
        self.words = words
        self._session = session
        self._state_shapes = {i.name: tuple(i.shape) for i in session.get_inputs() if i.name != "pcm"}
        outputs = {o.name: tuple(o.shape) for o in session.get_outputs()}
        self._outputs = list(outputs)
        # Of what a mind may read instead of words.
        self.state_width: int = outputs["frames"][2]

    @classmethod
    def load(cls, path: Path) -> EarModel:
        """Raises BundleError when the file is absent, no ONNX, or not an ear of this kind."""
        session = onnx_file.open_session(path, "an ear")
        metadata = session.get_modelmeta().custom_metadata_map
        if metadata.get("kind") != _KIND:
            raise BundleError(f"{path} is not an ear ({_KIND})", remedy="export it with training.ear.export")
        words = tuple(metadata.get("words", "").split())
        _check_shapes(path, session, num_words=len(words))
        return cls(session, words)

    def zero_state(self) -> dict[str, NDArray[np.float32]]:
        return {name: np.zeros(shape, np.float32) for name, shape in self._state_shapes.items()}

    def run(self, pcm: NDArray[np.float32], state: dict[str, NDArray[np.float32]]) -> dict[str, Any]:
        """`pcm` (1, 1280). Returns every output by its name; the new state under `<name>_next`."""
        results = self._session.run(None, {"pcm": pcm, **state})
        return dict(zip(self._outputs, results, strict=True))


class Encoder:
    """One stream through a model: explicit state, `feed`, `flush`, `reset`."""

    def __init__(self, model: EarModel) -> None:
        self._model = model
        self._state = model.zero_state()

    @property
    def words(self) -> tuple[str, ...]:
        return self._model.words

    def reset(self) -> None:
        """Forgets all that was heard."""
        self._state = self._model.zero_state()

    def feed(self, chunk: NDArray[np.float32]) -> Frames:
        """`chunk` float32 (1280,), 16 kHz, -1 to 1. Raises BadInput on any other shape or type."""
        if chunk.shape != (CHUNK_SAMPLES,) or chunk.dtype != np.float32:
            raise BadInput(f"the ear takes float32 ({CHUNK_SAMPLES},), not {chunk.dtype} {chunk.shape}")
        if not np.isfinite(chunk).all():
            raise BadInput("sound with values that are not numbers")
        out = self._model.run(chunk[None, :], self._state)
        self._state = {name: out[f"{name}_next"] for name in self._state}
        return Frames(out["words"][0], out["frames"][0])

    def flush(self, num_chunks: int = 4) -> list[Frames]:
        """Silence, so that words on their way appear: the CTC speaks 100 to 200 ms after a word's end."""
        return [self.feed(np.zeros(CHUNK_SAMPLES, np.float32)) for _ in range(num_chunks)]


def _check_shapes(path: Path, session: Any, *, num_words: int) -> None:
    inputs, outputs = map(dict, onnx_file.tensors(session))
    if inputs.pop("pcm", None) != ("tensor(float)", (1, CHUNK_SAMPLES)):
        raise BundleError(f"{path}: the ear's input must be float32 pcm (1, {CHUNK_SAMPLES})")
    if outputs.pop("words", None) != ("tensor(float)", (1, FRAMES_PER_CHUNK, 1 + num_words)):
        raise BundleError(f"{path}: the word list does not fit the word logits")
    frames_type, frames_shape = outputs.pop("frames", ("", ()))
    if frames_type != "tensor(float)" or frames_shape[:2] != (1, FRAMES_PER_CHUNK) or len(frames_shape) != 3:
        raise BundleError(f"{path}: the ear must give {FRAMES_PER_CHUNK} frames a chunk")
    if not isinstance(frames_shape[2], int):
        raise BundleError(f"{path}: the ear's frames have no fixed size")
    onnx_file.check_state(path, inputs, outputs)
