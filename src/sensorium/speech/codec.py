"""The mouth at run time: speech codes in as they are thought, samples out, on onnxruntime and numpy.

25 frames a second, two codes of 0 to 999 in each, 500 bit/s. The model turns codes into pitch and envelopes,
`source_filter` turns those into sound. Knows nothing of words, tokens or turns. One model, many streams.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.audio import to_int16
from sensorium.bundles import onnx_file
from sensorium.errors import BadInput, BundleError
from sensorium.speech.source_filter import NUM_BANDS, Shapes, SourceFilter

LEVELS = (8, 5, 5, 5)  # of the digits of a code, the first one counting most
CODES_PER_FRAME = 2
NUM_CODES = math.prod(LEVELS)
NUM_LEVELS = CODES_PER_FRAME * len(LEVELS)
FRAME_SAMPLES = 640
MAX_FRAMES_AT_ONCE = 1_500  # a minute

_KIND = "sensorium-codec-1"

Samples = NDArray[np.int16]
Codes = NDArray[np.integer[Any]]


class CodecModel:
    """Checked weights, shared by all streams of a process. Make one with `load`."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._state_shapes = {i.name: tuple(i.shape) for i in session.get_inputs() if i.name != "levels"}
        self._outputs = [o.name for o in session.get_outputs()]

    @classmethod
    def load(cls, path: Path) -> CodecModel:
        """Raises BundleError when the file is absent, no ONNX, or not a codec of this kind."""
        session = onnx_file.open_session(path, "a codec")
        if session.get_modelmeta().custom_metadata_map.get("kind") != _KIND:
            raise BundleError(
                f"{path} is not a codec ({_KIND})", remedy="export it with training.codec.export"
            )
        _check_shapes(path, session)
        return cls(session)

    def zero_state(self) -> dict[str, NDArray[np.float32]]:
        return {name: np.zeros(shape, np.float32) for name, shape in self._state_shapes.items()}

    def run(
        self, levels: NDArray[np.float32], state: dict[str, NDArray[np.float32]]
    ) -> tuple[Shapes, dict[str, NDArray[np.float32]]]:
        """`levels` (1, n + 1, 8), of n frames and the next. 4 n frames of shapes, and the new state."""
        out = dict(zip(self._outputs, self._session.run(None, {"levels": levels, **state}), strict=True))
        shapes = Shapes(out["f0_hz"][0], out["harmonic"][0], out["noise"][0])
        return shapes, {name: out[f"{name}_next"] for name in state}


class Decoder:
    """One stream through a model: `feed`, `flush`, `reset`.

    Sound comes two frames after the first codes: the model reads one frame ahead, the filter 20 ms. The same
    codes give the same samples, to a unit of the last place, however they are divided into calls; several
    frames in one call cost less each.
    """

    def __init__(self, model: CodecModel, *, seed: int = 0) -> None:
        self._model = model
        self._voice = SourceFilter(seed)
        self.reset()

    def reset(self) -> None:
        """Forgets all that was said."""
        self._state = self._model.zero_state()
        self._voice.reset()
        self._waiting: NDArray[np.float32] | None = None  # the newest frame's levels (8,)

    def feed(self, codes: Codes) -> Samples:
        """`codes` integers (n, 2), 0 to 999. The samples that are sure now, int16 (m,) at 16 kHz, m >= 0.

        640 a frame in the end, 1,280 samples late at most. Raises BadInput on anything else, and then nothing
        was changed.
        """
        return to_int16(self._make(to_levels(check_codes(codes))))

    def flush(self) -> Samples:
        """No more codes will come: the rest of the sound, 640 samples a frame in all; then as new."""
        last = self._make(np.zeros((1, NUM_LEVELS), np.float32))
        rest = np.concatenate((last, self._voice.flush()))
        self.reset()
        return to_int16(rest)

    def _make(self, levels: NDArray[np.float32]) -> NDArray[np.float32]:
        """The sound of what was waiting and of all of `levels` (n, 8) but the last, which waits now."""
        known = levels if self._waiting is None else np.concatenate((self._waiting[None], levels))
        if not len(levels):
            return np.zeros(0, np.float32)
        self._waiting = known[-1]
        if len(known) == 1:
            return np.zeros(0, np.float32)
        shapes, self._state = self._model.run(known[None], self._state)
        return self._voice.feed(shapes)


def decode_whole(model: CodecModel, codes: Codes, *, seed: int = 0) -> Samples:
    """All at once what `Decoder` says bit by bit: int16 (640 n,). For previews and measurements."""
    levels = np.pad(to_levels(check_codes(codes)), ((0, 1), (0, 0)))
    voice = SourceFilter(seed)
    if not len(codes):
        return np.zeros(0, np.int16)
    shapes, _ = model.run(levels[None], model.zero_state())
    return to_int16(np.concatenate((voice.feed(shapes), voice.flush())))


def check_codes(codes: Codes) -> Codes:
    """`codes` as they are. Raises BadInput unless they are integers (n, 2), 0 to 999, a minute at most."""
    if not isinstance(codes, np.ndarray) or not np.issubdtype(codes.dtype, np.integer):
        raise BadInput(f"speech codes are an array of integers, not {getattr(codes, 'dtype', type(codes))}")
    if codes.ndim != 2 or codes.shape[1] != CODES_PER_FRAME:
        raise BadInput(f"speech codes come as (n, {CODES_PER_FRAME}), not {codes.shape}")
    if len(codes) > MAX_FRAMES_AT_ONCE:
        raise BadInput(f"{len(codes)} frames of speech codes at once; at most {MAX_FRAMES_AT_ONCE}")
    if codes.size and not 0 <= int(codes.min()) <= int(codes.max()) < NUM_CODES:
        raise BadInput(f"speech codes go from 0 to {NUM_CODES - 1}, not {codes.min()} to {codes.max()}")
    return codes


def to_levels(codes: Codes) -> NDArray[np.float32]:
    """(n, 2) codes -> (n, 8) levels from -1 to 1."""
    digits = np.stack(np.unravel_index(codes.astype(np.int64), LEVELS), -1).reshape(len(codes), NUM_LEVELS)
    return (digits * (2.0 / (np.array(LEVELS * CODES_PER_FRAME) - 1)) - 1.0).astype(np.float32)


def _check_shapes(path: Path, session: Any) -> None:
    inputs, outputs = map(dict, onnx_file.tensors(session))
    kind, shape = inputs.pop("levels", ("", ()))
    if kind != "tensor(float)" or len(shape) != 3 or (shape[0], shape[2]) != (1, NUM_LEVELS):
        raise BundleError(f"{path}: the codec's input must be float32 levels (1, n + 1, {NUM_LEVELS})")
    for name, rank in {"f0_hz": 2, "harmonic": 3, "noise": 3}.items():
        kind, shape = outputs.pop(name, ("", ()))
        if kind != "tensor(float)" or len(shape) != rank or shape[2:] != (NUM_BANDS,) * (rank - 2):
            raise BundleError(f"{path}: the codec must give float32 {name} of {NUM_BANDS} bands")
    onnx_file.check_state(path, inputs, outputs)
