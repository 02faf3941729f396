"""llama.cpp in this process: the only file that touches it, through llama-cpp-python's low-level bindings.

One context with unified KV: a fork is metadata. Files are checked before native code reads them, because a
native crash is our bug. Decides nothing about which sequence lives. Source: include/llama.h of 0.3.36.
"""

from __future__ import annotations

import ctypes
import logging
import math
import os
import re
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# OpenMP's threads spin for milliseconds at every barrier by default. With other processes on the cores that
# made prefill fifty times slower (docs/decisions/0002-unified-kv.md), so: spin for a moment, then sleep. The
# library reads this once, when it is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "300")

import llama_cpp.llama_cpp as lib

from sensorium.bundles import gguf_adapter, gguf_file
from sensorium.errors import AdapterError, BadInput, BundleError, ContextFull, WorkerFailed
from sensorium.inference import sampling
from sensorium.inference.backend import AdapterFacts, ModelInfo, Sampler, Span, hold_embeddings
from sensorium.request import AdapterUse, Sampling, adapter_key

KV_TYPES = {"f32": 0, "f16": 1, "q8_0": 8}
MAX_TEXT_BYTES = 4 << 20

_NO_SLOT = 1
_SMALL_MODEL_BYTES = 48 << 20
_EXACT_CELLS = 32768
_CONTROL_ATTRIBUTE = 1 << 3
_logger = logging.getLogger("sensorium.llama")
_LEVELS = {2: logging.INFO, 3: logging.WARNING}


class LlamaConfig(NamedTuple):
    """`cells` of KV memory for all sequences together. `batch_threads` 0 means one for each core we may use,
    `decode_threads` 0 the same but one for a small model, which waits longer for threads than it computes.
    `flash_attention` None: only above 32768 cells. It skips the cells of other sequences, without it every
    token pays for all of them; but its results depend on how the prompt was cut into batches
    (docs/decisions/0002-unified-kv.md). `gpu_layers` -1 puts all on a GPU where the build has one."""

    cells: int = 16384
    sequences: int = 64
    batch_tokens: int = 512
    decode_threads: int = 0
    batch_threads: int = 0
    kv_type: str = "f16"
    flash_attention: bool | None = None
    gpu_layers: int = -1


class _Log:
    """llama.cpp's log goes to a Python logger; its last words and its buffer sizes are kept."""

    def __init__(self) -> None:
        self._last: deque[str] = deque(maxlen=4)
        self.buffer_mib: dict[str, float] = {}
        self.callback = lib.llama_log_callback(self._take)

    def start(self) -> None:
        self._last.clear()
        self.buffer_mib.clear()
        lib.llama_log_set(self.callback, ctypes.c_void_p(0))

    def reason(self) -> str:
        return "; ".join(self._last) or "llama.cpp gave no reason"

    def _take(self, level: int, text: bytes, _: object) -> None:
        line = text.decode("utf-8", "replace").strip()
        _logger.debug(line)
        if level >= 3 and level != 5 and line:
            self._last.append(line)
        found = re.search(r"(\S+)\s+(KV|RS|compute|output) buffer size\s*=\s*([0-9.]+) MiB", line)
        if found:
            self.buffer_mib[f"{found[1]} {found[2]}"] = float(found[3])


_log = _Log()


class LlamaSampler:
    """A chain of llama.cpp's samplers and, apart from it, a grammar; both are freed by `close`."""

    def __init__(self, chain: Any, grammar: Any) -> None:
        self.chain = chain
        self.grammar = grammar

    def accept(self, token: int) -> None:
        lib.llama_sampler_accept(self.chain, token)

    def close(self) -> None:
        for part in (self.chain, self.grammar):
            if part is not None:
                lib.llama_sampler_free(part)
        self.chain = self.grammar = None


class _Batch:
    """A llama_batch of tokens and one of embedding rows, which llama.cpp never takes together, over the same
    numpy memory; filled without a loop over tokens."""

    def __init__(self, size: int, width: int) -> None:
        self.embeddings = np.zeros((size, width), np.float32)
        self.tokens = np.zeros(size, np.int32)
        self.positions = np.zeros(size, np.int32)
        self.sequences = np.zeros(size, np.int32)
        self.wants = np.zeros(size, np.int8)
        self._counts = np.ones(size, np.int32)
        self._rows = self.sequences.ctypes.data + 4 * np.arange(size, dtype=np.uint64)
        self.of_tokens = self._struct(self.tokens.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)), None)
        self.of_rows = self._struct(None, self.embeddings.ctypes.data_as(ctypes.POINTER(ctypes.c_float)))

    def _struct(self, tokens: Any, embeddings: Any) -> Any:
        return lib.llama_batch(
            0,
            tokens,
            embeddings,
            self.positions.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            self._counts.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            self._rows.ctypes.data_as(ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
            self.wants.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def fill(self, spans: Sequence[Span]) -> tuple[Any, dict[int, int]]:
        """The struct to decode, and the output row of each sequence that wants logits."""
        start, rows = 0, {}
        for span in spans:
            end = start + span.num_tokens
            if span.embeddings is None:
                self.tokens[start:end] = span.tokens
            else:
                self.embeddings[start:end] = span.embeddings
            self.positions[start:end] = np.arange(span.position, span.position + span.num_tokens)
            self.sequences[start:end] = span.sequence
            self.wants[start:end] = 0
            if span.wants_logits:
                self.wants[end - 1] = 1
                rows[span.sequence] = end - 1
            start = end
        struct = self.of_tokens if spans[0].embeddings is None else self.of_rows
        struct.n_tokens = start
        return struct, rows


class LlamaBackend:
    """Raises BundleError when the file is no usable model, WorkerFailed when its context cannot be made.

    `sha256` of the file, where it is known, refuses adapters that name another.
    """

    def __init__(self, path: Path, config: LlamaConfig, *, sha256: str = "") -> None:
        _check_config(config)
        self._file = gguf_file.read_model(path)
        self._sha256 = sha256
        self._adapters: dict[str, tuple[Any, int]] = {}
        self._active: tuple[tuple[str, float], ...] = ()
        self._rows: dict[int, int] = {}
        self._lengths: dict[int, int] = {}
        _log.start()
        lib.llama_backend_init()
        self._model = _load_model(path, config)
        self._vocab = lib.llama_model_get_vocab(self._model)
        self._context = _make_context(self._model, config)
        self._memory = lib.llama_get_memory(self._context)
        self.info = self._describe(path, config)
        self._batch = _Batch(config.batch_tokens, self.info.embedding_width)
        self.piece = lru_cache(maxsize=65536)(self._piece)

    def tokenize(self, text: str) -> list[int]:
        return self._tokenize(text, parse_special=False)

    def special(self, text: str) -> int:
        tokens = self._tokenize(text, parse_special=True)
        if len(tokens) != 1 or lib.llama_vocab_get_text(self._vocab, tokens[0]) != text.encode():
            raise BundleError(f"the model has no special token {text!r}")
        return tokens[0]

    def decode(self, spans: Sequence[Span], adapters: Sequence[AdapterUse]) -> None:
        num_tokens = sum(s.num_tokens for s in spans)
        if not 0 < num_tokens <= self.info.max_batch_tokens:
            raise WorkerFailed(f"a batch of {num_tokens} tokens; at most {self.info.max_batch_tokens}")
        of_rows = hold_embeddings(spans, self.info.embedding_width)
        for span in spans:
            self._check_span(span)
        struct, rows = self._batch.fill(spans)
        used = self._batch.tokens[:num_tokens]
        if not of_rows and (used.min() < 0 or used.max() >= self.info.vocab_size):
            raise WorkerFailed("a token outside the vocabulary")
        self._activate(adapters)
        result = lib.llama_decode(self._context, struct)
        if result == _NO_SLOT:
            raise ContextFull("no KV cells are left")
        self._rows = {}
        if result != 0:
            raise WorkerFailed(f"llama_decode returned {result}: {_log.reason()}")
        self._rows = rows
        for span in spans:
            self._lengths[span.sequence] = span.position + span.num_tokens

    def sample(self, sequence: int, sampler: Sampler) -> int:
        assert isinstance(sampler, LlamaSampler)
        logits = self._view_logits(sequence)
        if sampler.grammar is None:
            return int(lib.llama_sampler_sample(sampler.chain, self._context, self._rows[sequence]))
        return _sample_with_grammar(logits, sampler)

    def logits(self, sequence: int) -> NDArray[np.float32]:
        return self._view_logits(sequence).copy()

    def sampler(self, chosen: Sampling) -> LlamaSampler:
        steps = sampling.chain(chosen)
        grammar = None
        if chosen.grammar:
            text = chosen.grammar.encode("utf-8", "replace")
            if b"\x00" in text:
                raise BadInput("the grammar has a zero byte")
            grammar = lib.llama_sampler_init_grammar(self._vocab, text, b"root")
            if not grammar:
                raise BadInput(f"the grammar does not parse: {_log.reason()}")
        chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        for step in steps:
            lib.llama_sampler_chain_add(chain, self._link(step))
        return LlamaSampler(chain, grammar)

    def fork(self, source: int, target: int) -> None:
        if self._lengths.get(target):
            raise WorkerFailed(f"sequence {target} is not empty")
        lib.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        self._lengths[target] = self._lengths.get(source, 0)

    def drop(self, sequence: int) -> None:
        lib.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        self._lengths.pop(sequence, None)
        self._rows.pop(sequence, None)

    def check_adapter(self, path: Path) -> AdapterFacts:
        found = gguf_adapter.read_adapter(path, self._file, model_sha256=self._sha256)
        gguf_adapter.check_numbers(found.file)
        return AdapterFacts(found.num_bytes, found.invocation_tokens)

    def load_adapter(self, adapter_id: str, path: Path) -> int:
        found = gguf_adapter.read_adapter(path, self._file, model_sha256=self._sha256)
        handle = lib.llama_adapter_lora_init(self._model, os.fsencode(path))
        if not handle:
            raise AdapterError(f"{path} was refused: {_log.reason()}", remedy="make or download it again")
        if adapter_id in self._adapters:
            self.unload_adapter(adapter_id)
        self._adapters[adapter_id] = (handle, found.num_bytes)
        return found.num_bytes

    def unload_adapter(self, adapter_id: str) -> None:
        handle, _ = self._adapters.pop(adapter_id)
        self._activate(())
        lib.llama_adapter_lora_free(handle)

    def memory_bytes(self) -> dict[str, int]:
        """`kv` and `compute` as llama.cpp logged them when it made the context; `gpu` is the part of both
        that does not lie in main memory."""
        sizes = {"kv": 0.0, "compute": 0.0, "gpu": 0.0}
        for name, mib in _log.buffer_mib.items():
            device, kind = name.split()
            sizes["kv" if kind in ("KV", "RS") else "compute"] += mib * 2**20
            sizes["gpu"] += 0.0 if device.startswith("CPU") else mib * 2**20
        return {
            "weights": int(lib.llama_model_size(self._model)),
            "adapters": sum(num_bytes for _, num_bytes in self._adapters.values()),
            **{kind: int(size) for kind, size in sizes.items()},
        }

    def close(self) -> None:
        """Frees everything; a second call does nothing."""
        if self._context is not None:
            lib.llama_free(self._context)
            lib.llama_model_free(self._model)  # takes its adapters with it
            self._context = self._model = None
            self._adapters.clear()

    # -- inside --------------------------------------------------------------------------------------------

    def _describe(self, path: Path, config: LlamaConfig) -> ModelInfo:
        vocab_size = int(lib.llama_vocab_n_tokens(self._vocab))
        recurrent = lib.llama_model_is_recurrent(self._model) or lib.llama_model_is_hybrid(self._model)
        return ModelInfo(
            name=self._file.text("general.name") or path.stem,
            fingerprint=f"{gguf_file.fingerprint(self._file)}-{config.kv_type}",
            vocab_size=vocab_size,
            context_cells=int(lib.llama_n_ctx(self._context)),
            max_sequences=int(lib.llama_n_seq_max(self._context)),
            train_context_tokens=int(lib.llama_model_n_ctx_train(self._model)),
            end_tokens=frozenset(t for t in range(vocab_size) if lib.llama_vocab_is_eog(self._vocab, t)),
            recurrent=bool(recurrent),
            embedding_width=int(lib.llama_model_n_embd_inp(self._model)),
            max_batch_tokens=config.batch_tokens,
        )

    def _tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        data = text.encode("utf-8", "replace")
        if len(data) > MAX_TEXT_BYTES:
            raise BadInput(f"a text of {len(data)} bytes; at most {MAX_TEXT_BYTES}")
        size = len(data) + 8
        tokens = (ctypes.c_int32 * size)()
        count = lib.llama_tokenize(self._vocab, data, len(data), tokens, size, False, parse_special)
        if count < 0:
            raise BadInput("a text could not be tokenized")
        return list(tokens[:count])

    def _piece(self, token: int) -> tuple[bytes, bool]:
        if not 0 <= token < self.info.vocab_size:
            raise WorkerFailed(f"token {token} is outside the vocabulary")
        special = bool(lib.llama_vocab_get_attr(self._vocab, token) & _CONTROL_ATTRIBUTE)
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = lib.llama_token_to_piece(self._vocab, token, buffer, size, 0, True)
            if count >= 0:
                return buffer.raw[:count], special
            size = -count

    def _check_span(self, span: Span) -> None:
        if not 0 <= span.sequence < self.info.max_sequences:
            raise WorkerFailed(f"sequence {span.sequence}")
        if span.position != self._lengths.get(span.sequence, 0):
            raise WorkerFailed(f"position {span.position} does not continue sequence {span.sequence}")

    def _activate(self, adapters: Sequence[AdapterUse]) -> None:
        key = adapter_key(adapters)
        if key == self._active:
            return
        missing = [adapter_id for adapter_id, _ in key if adapter_id not in self._adapters]
        if missing:
            raise AdapterError(f"adapter {missing[0]!r} is not loaded")
        handles = (lib.llama_adapter_lora_p_ctypes * max(1, len(key)))(
            *(self._adapters[a][0] for a, _ in key)
        )
        scales = (ctypes.c_float * max(1, len(key)))(*(scale for _, scale in key))
        if lib.llama_set_adapters_lora(self._context, handles, len(key), scales) != 0:
            raise AdapterError(f"llama.cpp refused the adapters: {_log.reason()}")
        self._active = key

    def _view_logits(self, sequence: int) -> NDArray[np.float32]:
        if sequence not in self._rows:
            raise WorkerFailed(f"the last batch left no logits for sequence {sequence}")
        pointer = lib.llama_get_logits_ith(self._context, self._rows[sequence])
        logits = np.ctypeslib.as_array(pointer, (self.info.vocab_size,))
        if math.isnan(float(logits.sum())):
            raise WorkerFailed("the model computed no usable probabilities")
        return logits

    def _link(self, step: sampling.Step) -> Any:
        numbers = step.numbers
        match step.name:
            case "penalties":
                last_n, penalty = int(numbers[0]), numbers[1]
                return lib.llama_sampler_init_penalties(self.info.vocab_size, last_n, penalty, 0.0, 0.0)
            case "top_k":
                return lib.llama_sampler_init_top_k(int(numbers[0]))
            case "top_p":
                return lib.llama_sampler_init_top_p(numbers[0], 1)
            case "min_p":
                return lib.llama_sampler_init_min_p(numbers[0], 1)
            case "temperature":
                return lib.llama_sampler_init_temp(numbers[0])
            case "draw":
                return lib.llama_sampler_init_dist(int(numbers[0]))
            case "greedy":
                return lib.llama_sampler_init_greedy()


_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


def _sample_with_grammar(logits: NDArray[np.float32], sampler: LlamaSampler) -> int:
    # llama.cpp ends the process when a grammar must accept what it forbids, so look before it does.
    candidates = np.zeros(len(logits), _CANDIDATE)
    candidates["id"] = np.arange(len(logits))
    candidates["logit"] = logits
    pointer = candidates.ctypes.data_as(ctypes.POINTER(lib.llama_token_data))
    view = lib.llama_token_data_array(pointer, len(logits), -1, False)
    lib.llama_sampler_apply(sampler.grammar, ctypes.byref(view))
    if not np.isfinite(candidates["logit"]).any():
        raise BadInput("the grammar leaves no token to go on with")
    lib.llama_sampler_apply(sampler.chain, ctypes.byref(view))
    chosen = view.data[view.selected]
    if not math.isfinite(chosen.logit):
        raise BadInput("the grammar leaves no token to go on with")
    lib.llama_sampler_accept(sampler.grammar, chosen.id)
    lib.llama_sampler_accept(sampler.chain, chosen.id)
    return int(chosen.id)


def _check_config(config: LlamaConfig) -> None:
    if config.kv_type not in KV_TYPES:
        raise BadInput(f"KV type {config.kv_type!r}", remedy=f"one of {', '.join(KV_TYPES)}")
    if not 256 <= config.cells <= 1 << 24:
        raise BadInput(f"{config.cells} cells", remedy="choose 256 to 16777216")
    limit = int(lib.llama_max_parallel_sequences())
    if not 2 <= config.sequences <= limit:
        raise BadInput(f"{config.sequences} sequences", remedy=f"choose 2 to {limit}")
    if not 1 <= config.batch_tokens <= 8192:
        raise BadInput(f"batches of {config.batch_tokens} tokens", remedy="choose 1 to 8192")


def _load_model(path: Path, config: LlamaConfig) -> Any:
    params = lib.llama_model_default_params()
    params.n_gpu_layers = config.gpu_layers
    params.check_tensors = path.stat().st_size < 1 << 28
    model = lib.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        raise BundleError(f"{path} was refused: {_log.reason()}")
    return model


def _make_context(model: Any, config: LlamaConfig) -> Any:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    params = lib.llama_context_default_params()
    params.n_ctx = config.cells
    params.n_batch = params.n_ubatch = config.batch_tokens
    params.n_seq_max = config.sequences
    small = lib.llama_model_size(model) < _SMALL_MODEL_BYTES
    params.n_threads = config.decode_threads or (1 if small else cores)
    params.n_threads_batch = config.batch_threads or cores
    flash = config.cells > _EXACT_CELLS if config.flash_attention is None else config.flash_attention
    params.flash_attn_type = int(flash)
    params.type_k = params.type_v = KV_TYPES[config.kv_type]
    params.kv_unified = True
    params.no_perf = True
    context = lib.llama_init_from_model(model, params)
    if not context:
        lib.llama_model_free(model)
        raise WorkerFailed(
            f"no context of {config.cells} cells: {_log.reason()}", remedy="configure fewer cells"
        )
    return context
