"""Stores an ONNX model's weights in half the bytes. Knows nothing of what the model is for."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MIN_VALUES = 256


def store_half(graph: onnx.GraphProto, keep_full: frozenset[str] = frozenset()) -> None:
    """Float32 initializers of `MIN_VALUES` or more become float16 with a Cast behind them, which onnxruntime
    folds at load; those named in `keep_full` stay."""
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or tensor.name in keep_full:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < MIN_VALUES:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
