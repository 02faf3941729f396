"""The eye: one picture in, a few embeddings and the things that they hold out, on onnxruntime.

Knows nothing of cameras, files or when it is worth looking. One model, any number of looks, no state.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.bundles import onnx_file
from sensorium.errors import BadInput, BundleError

PICTURE_SIDE = 96
MAX_THINGS = 4
MIN_SIDE, MAX_SIDE = 8, 8192

_KIND = "sensorium-eye-1"
_COARSE_SIDE = 2 * PICTURE_SIDE


class Thing(NamedTuple):
    """One thing in a picture. Lengths are shares of the picture's longer side, from its top left corner."""

    kind: str  # "circle", "star", ..., "number" or "face"
    detail: str  # "seven" of a number, "happy" of a face, else ""
    colour: str
    x: float
    y: float
    size: float  # diameter
    confidence: float  # 0 to 1, that kind, detail and colour are right

    @property
    def words(self) -> str:
        """ "red circle", "blue number seven", "happy yellow face"."""
        if self.kind == "face":
            return f"{self.detail} {self.colour} face"
        return f"{self.colour} {self.kind} {self.detail}".rstrip()


class Sight(NamedTuple):
    """What one look gave."""

    embeddings: NDArray[np.float32]  # (1 + MAX_THINGS, width): the whole picture, then things left to right
    things: tuple[Thing, ...]  # left to right, as read from their embeddings
    num_things: int  # how many things there are, as read from the whole picture's embedding


class Eye:
    """Checked weights. Make one with `load`."""

    def __init__(self, session: Any, looks: tuple[str, ...], colours: tuple[str, ...], width: int) -> None:
        self.width = width
        self._session = session
        self.looks = looks
        self.colours = colours

    @classmethod
    def load(cls, path: Path) -> Eye:
        """Raises BundleError when the file is absent, no ONNX, or not an eye of this kind."""
        session = onnx_file.open_session(path, "an eye")
        metadata = session.get_modelmeta().custom_metadata_map
        if metadata.get("kind") != _KIND:
            raise BundleError(f"{path} is not an eye ({_KIND})", remedy="export it with training.eye.export")
        looks, colours = (tuple(metadata.get(name, "").split()) for name in ("looks", "colours"))
        width = _check_shapes(path, session, num_looks=len(looks), num_colours=len(colours))
        return cls(session, looks, colours, width)

    def look(self, picture: NDArray[np.uint8]) -> Sight:
        """`picture` uint8 (height, width, 3), RGB, sides of 8 to 8192. Raises BadInput on anything else."""
        fitted, scale, left, top = fit(picture)
        found = self._session.run(_OUTPUTS, {"picture": fitted[None]})
        embeddings, presence, looks, colours, places, count = found
        things = []
        for slot in np.flatnonzero(presence[0]):
            look, colour = int(looks[0, slot].argmax()), int(colours[0, slot].argmax())
            kind, _, detail = self.looks[look].partition(":")
            x, y, size = (float(value) for value in places[0, slot] * PICTURE_SIDE)
            sure = float(looks[0, slot, look] * colours[0, slot, colour])
            x, y = min(max((x - left) * scale, 0.0), 1.0), min(max((y - top) * scale, 0.0), 1.0)
            things.append(Thing(kind, detail, self.colours[colour], x, y, size * scale, sure))
        return Sight(embeddings[0], tuple(things), int(count[0].argmax()))


def fit(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float, int, int]:
    """The picture as uint8 (96, 96, 3), its aspect kept, bands of its mean colour beside it.

    Also the share of the longer side that one pixel of it is, and the bands' width at the left and the top.
    """
    check_picture(picture)
    height, width = picture.shape[:2]
    longer = max(height, width)
    small_height, small_width = (max(1, round(n * PICTURE_SIDE / longer)) for n in (height, width))
    shrunk = _resize(picture, small_height, small_width)
    top, left = (PICTURE_SIDE - small_height) // 2, (PICTURE_SIDE - small_width) // 2
    fitted = np.empty((PICTURE_SIDE, PICTURE_SIDE, 3), np.uint8)
    fitted[:] = np.rint(shrunk.mean((0, 1)))
    fitted[top : top + small_height, left : left + small_width] = shrunk
    return fitted, 1.0 / PICTURE_SIDE, left, top


def check_picture(picture: NDArray[np.uint8]) -> None:
    """Raises BadInput unless it is RGB of a sane size."""
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        kind = picture.dtype if isinstance(picture, np.ndarray) else type(picture).__name__
        raise BadInput(f"a picture is uint8 (height, width, 3), not {kind}")
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise BadInput(f"a picture is RGB (height, width, 3), not {picture.shape}")
    check_sides(*picture.shape[:2])


def check_sides(height: int, width: int) -> None:
    """Raises BadInput unless a picture of so many pixels can be looked at."""
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in (height, width)):
        raise BadInput(f"a picture's sides are {MIN_SIDE} to {MAX_SIDE}, not {width} x {height}")


def _resize(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Every new pixel is the mean of the area that it covers."""
    if picture.shape[:2] == (height, width):
        return picture
    # Whole blocks first, their rows in integers: a camera's picture is then small before it becomes float.
    step = max(picture.shape[:2]) // _COARSE_SIDE
    rows, columns = picture.shape[:2]
    if step > 1 and min(rows, columns) >= step:
        rows, columns = rows // step, columns // step
        tall = picture[: rows * step : step, : columns * step].astype(np.uint16)
        for k in range(1, step):
            tall += picture[k : rows * step : step, : columns * step]
        mean = np.tile(np.eye(3, dtype=np.float32), (step, 1)) / (step * step)
        coarse = tall.reshape(rows, columns, 3 * step).astype(np.float32) @ mean
    else:
        coarse = picture.astype(np.float32)
    down = (_area_weights(rows, height) @ coarse.reshape(rows, -1)).reshape(height, columns, 3)
    fine: NDArray[np.float32] = np.matmul(_area_weights(columns, width), down)
    return np.rint(fine).clip(0, 255).astype(np.uint8)


def _area_weights(old: int, new: int) -> NDArray[np.float32]:
    """(new, old): how much of each old pixel lies in each new one, rows summing to 1."""
    edges = np.arange(new + 1, dtype=np.float64) * old / new
    at = np.arange(old, dtype=np.float64)
    overlap = np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at)
    shares: NDArray[np.float64] = np.maximum(overlap, 0.0) * new / old
    return shares.astype(np.float32)


_OUTPUTS = ["embeddings", "presence", "looks", "colours", "places", "count"]


def _check_shapes(path: Path, session: Any, *, num_looks: int, num_colours: int) -> int:
    """The embeddings' width."""
    inputs, outputs = map(dict, onnx_file.tensors(session))
    if inputs != {"picture": ("tensor(uint8)", (1, PICTURE_SIDE, PICTURE_SIDE, 3))}:
        raise BundleError(
            f"{path}: the eye's input must be uint8 picture (1, {PICTURE_SIDE}, {PICTURE_SIDE}, 3)"
        )
    kind, shape = outputs.pop("embeddings", ("", ()))
    width = shape[2] if len(shape) == 3 else 0
    if kind != "tensor(float)" or shape[:2] != (1, 1 + MAX_THINGS) or not isinstance(width, int) or not width:
        raise BundleError(f"{path}: the eye must give {1 + MAX_THINGS} embeddings")
    expected = {
        "presence": ("tensor(bool)", (1, MAX_THINGS)),
        "looks": ("tensor(float)", (1, MAX_THINGS, num_looks)),
        "colours": ("tensor(float)", (1, MAX_THINGS, num_colours)),
        "places": ("tensor(float)", (1, MAX_THINGS, 3)),
        "count": ("tensor(float)", (1, 1 + MAX_THINGS)),
    }
    if any(outputs.get(name) != wanted for name, wanted in expected.items()):
        raise BundleError(f"{path}: the lists of looks and colours do not fit the read-out")
    return int(width)
