"""Opens an ONNX file of a bundle and checks what all of ours have in common.

Knows nothing of ears, mouths and eyes: each checks its own inputs and outputs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnxruntime

from sensorium.errors import BundleError

MAX_FILE_BYTES = 64 << 20
MAX_STATE_VALUES = 1 << 20

# Name -> (type, shape), as onnxruntime gives them.
Tensors = Mapping[str, tuple[str, tuple[Any, ...]]]


def open_session(path: Path, part: str) -> Any:
    """An onnxruntime session on one thread that does not spin. `part`: what it is for ("an ear").

    Raises BundleError when the file is absent, too large or no ONNX model that can run.
    """
    if not path.is_file():
        raise BundleError(f"{path} is missing", remedy="install the bundle again")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise BundleError(f"{path} is too large for {part}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as e:  # onnxruntime's errors share no base class
        raise BundleError(f"{path} is not an ONNX model that can run: {first_line(e)}") from e


def tensors(session: Any) -> tuple[Tensors, Tensors]:
    """Inputs and outputs."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    return {i.name: (i.type, tuple(i.shape)) for i in inputs}, {
        o.name: (o.type, tuple(o.shape)) for o in outputs
    }


def check_state(path: Path, inputs: Tensors, outputs: Tensors) -> None:
    """The state of a stream: each input NAME comes out as NAME_next, float32, of a fixed and sane size.

    Raises BundleError.
    """
    if {f"{name}_next": kind for name, kind in inputs.items()} != dict(outputs):
        raise BundleError(f"{path}: the state that goes in is not the state that comes out")
    for kind, shape in inputs.values():
        sizes = [n for n in shape if isinstance(n, int) and n > 0]
        if kind != "tensor(float)" or len(sizes) != len(shape) or math.prod(sizes) > MAX_STATE_VALUES:
            raise BundleError(f"{path}: a state tensor has no fixed size")


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
