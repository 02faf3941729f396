"""A mind behind HTTP: llama-server, with token arrays, pinned slots and its own count of what it recomputed.

Blocking, one connection per turn, so any thread may call it and closing the iterator cancels. Talks to
loopback and to hosts that the configuration names, never follows a redirect, checks everything it is told.
Its one decision is when the server's cache may be trusted (docs/decisions/0003).
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import PurePath
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from sensorium.clock import Clock
from sensorium.errors import (
    BadInput,
    BundleError,
    ContextFull,
    NotFound,
    SensoriumError,
    WorkerDied,
    WorkerFailed,
)
from sensorium.inference.jobs import Began, Finished, Request, Said, Settled
from sensorium.inference.mind import Events
from sensorium.inference.sampling import check
from sensorium.inference.slots import SlotTable
from sensorium.request import AdapterUse, Sampling, Usage, adapter_key

MAX_BODY_BYTES = 8_000_000
MAX_LINE_BYTES = 1_000_000
_T = TypeVar("_T")


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server is and what its operator promises.

    `url` is http(s)://host:port. Hosts beyond loopback must be in `allowed_hosts`. `ram_cache_off` promises
    that it runs with --cache-ram 0: its RAM cache is not keyed by adapter, and no request can find out.
    """

    url: str
    allowed_hosts: tuple[str, ...] = ()
    api_key: str = ""
    ram_cache_off: bool = False
    connect_timeout_s: float = 5.0
    first_token_timeout_s: float = 180.0
    next_token_timeout_s: float = 30.0


# -- what a llama-server says; unknown fields are ignored ------------------------------------------------


class _Generation(msgspec.Struct):
    n_ctx: int


class _Props(msgspec.Struct):
    total_slots: int
    default_generation_settings: _Generation
    model_path: str = ""


class _Adapter(msgspec.Struct):
    id: int
    path: str


class _Tokens(msgspec.Struct):
    tokens: list[int]


class _Timings(msgspec.Struct):
    cache_n: int
    prompt_n: int


class _Chunk(msgspec.Struct):
    """One event of /completion; the last one has `stop`."""

    content: str = ""
    tokens: list[int] = []
    stop: bool = False
    stop_type: str = ""
    id_slot: int = -1
    tokens_predicted: int = 0
    timings: _Timings | None = None


class _Problem(msgspec.Struct):
    message: str = ""
    type: str = ""


class _Error(msgspec.Struct):
    error: _Problem


class RemoteMind:
    """Obeys `Mind`. `pinned` false leaves the choice of the slot to the server.

    `special_tokens` are those whose pieces the caller wants to see, by their exact text.
    """

    def __init__(
        self,
        address: Address,
        clock: Clock,
        *,
        pinned: bool = True,
        special_tokens: Sequence[str] = (),
    ) -> None:
        self._wire = _Wire(address)
        self._clock = clock
        props = self._wire.get("/props", _Props)
        self.model_path = props.model_path
        self.context_tokens = props.default_generation_settings.n_ctx
        self.slots = SlotTable(props.total_slots) if pinned else None
        adapters = self._wire.get("/lora-adapters", list[_Adapter])
        self._adapter_ids = {PurePath(a.path).stem: a.id for a in adapters}
        self._specials = {self.special(text): text for text in special_tokens}
        self._lock = threading.Lock()
        self._busy: list[str] = []
        self._settled: dict[str, int] = {}

    @property
    def caches(self) -> bool:
        """May the server reuse a prefix? With adapters only where two of them can never meet in one cache."""
        return not self._adapter_ids or (self._wire.address.ram_cache_off and self.slots is not None)

    def tokenize(self, text: str) -> list[int]:
        """Plain text, never special tokens, nothing added."""
        asked = {"content": text, "add_special": False, "parse_special": False}
        return self._wire.post("/tokenize", asked, _Tokens).tokens

    def special(self, text: str) -> int:
        """The id of the special token written exactly so. Raises BundleError when there is none."""
        asked = {"content": text, "add_special": False, "parse_special": True}
        tokens = self._wire.post("/tokenize", asked, _Tokens).tokens
        if len(tokens) != 1:
            raise BundleError(
                f"the server's model has no special token {text!r}", remedy="serve the bundle's GGUF"
            )
        return tokens[0]

    def generate(self, request: Request) -> Events:
        persona_id = request.persona_id
        body = self._body(request)
        with self._seated(persona_id) as slot:
            body["id_slot"] = slot
            if request.max_tokens == 0:
                yield Settled(request.turn_id, persona_id, self._settle(persona_id, body))
                return
            with closing(self._wire.stream("/completion", body)) as chunks:
                yield from self._events(request.turn_id, chunks, self._settled.pop(persona_id, 0))

    def _settle(self, persona_id: str, body: Mapping[str, Any]) -> int:
        """llama-server reads a prompt without answering it when asked for no tokens."""
        if not self.caches:
            return 0
        processed = _timings(self._wire.post("/completion", {**body, "stream": False}, _Chunk)).prompt_n
        self._settled[persona_id] = self._settled.get(persona_id, 0) + processed
        return processed

    @contextmanager
    def _seated(self, persona_id: str) -> Iterator[int]:
        if self.slots is None:
            yield -1
            return
        with self._lock:
            slot = self.slots.seat(persona_id, self._busy).slot
            self._busy.append(persona_id)
        try:
            yield slot
        finally:
            with self._lock:
                self._busy.remove(persona_id)

    def _body(self, request: Request) -> dict[str, Any]:
        check(request.sampling)
        if request.prompt.row_runs or request.rows is not None or request.speech_tokens:
            raise BadInput("a mind behind HTTP reads and writes text only", remedy="use the bridges")
        prompt = list(request.prompt.ids)
        if not prompt:
            raise BadInput("the prompt is empty")
        if len(prompt) + request.max_tokens > self.context_tokens:
            raise ContextFull(
                f"prompt and reply take {len(prompt) + request.max_tokens} tokens, "
                f"a slot holds {self.context_tokens}",
                remedy="start the server with a larger --ctx-size, or fewer slots",
            )
        return {
            "prompt": prompt,
            "n_predict": request.max_tokens,
            "cache_prompt": self.caches,
            "stream": True,
            "return_tokens": True,
            "timings_per_token": True,
            **_sampling(request.sampling),
            **self._lora(request.adapters),
        }

    def _lora(self, adapters: Sequence[AdapterUse]) -> dict[str, Any]:
        scales = dict(adapter_key(adapters))
        for name in scales:
            if name not in self._adapter_ids:
                raise NotFound.named("adapter", name, self._adapter_ids)
        # An adapter that is not named keeps the scale it had at the server's start, so all are named.
        lora = [{"id": i, "scale": scales.get(name, 0.0)} for name, i in self._adapter_ids.items()]
        return {"lora": lora} if lora else {}

    def _events(self, turn_id: int, chunks: Iterator[_Chunk], settled: int) -> Events:
        asked_s = self._clock.now_s()
        first_s = 0.0
        held: Said | None = None  # The end of a turn is a special token too; it is not part of the reply.
        for chunk in chunks:
            if not first_s:
                first_s = self._clock.now_s()
                yield Began(turn_id, msgspec.structs.replace(_usage(chunk, settled), reply_tokens=0))
            if held is not None and not (chunk.stop and chunk.stop_type == "eos"):
                yield held
            held = None
            if chunk.stop:
                reason = "length" if chunk.stop_type == "limit" else "end"
                stages = (("llm.prefill", asked_s, first_s), ("llm.reply", first_s, self._clock.now_s()))
                yield Finished(turn_id, reason, _usage(chunk, settled), stages)
                return
            if len(chunk.tokens) == 1 and chunk.tokens[0] in self._specials:
                held = Said(turn_id, self._specials[chunk.tokens[0]], True)
            elif chunk.content:
                yield Said(turn_id, chunk.content, False)
        raise WorkerDied(f"{self._wire.address.url} stopped in the middle of a reply", remedy="ask again")


class _Wire:
    """Requests and answers as typed values; every failure as a SensoriumError with a remedy."""

    def __init__(self, address: Address) -> None:
        parts = urlsplit(address.url)
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not host or parts.path.strip("/") or parts.username:
            raise BadInput(f"{address.url!r} is no server address", remedy="use http://host:port")
        if not _is_loopback(host) and host not in address.allowed_hosts:
            raise BadInput(
                f"{host} is not on this machine", remedy=f"add {host!r} to allowed_hosts if you mean it"
            )
        self.address = address
        self._host, self._port, self._secure = host, parts.port, parts.scheme == "https"

    def get(self, path: str, kind: type[_T]) -> _T:
        with self._asked("GET", path, None) as (response, _):
            return self._typed(self._read(response), kind)

    def post(self, path: str, body: Mapping[str, Any], kind: type[_T]) -> _T:
        with self._asked("POST", path, body) as (response, _):
            return self._typed(self._read(response), kind)

    def stream(self, path: str, body: Mapping[str, Any]) -> Generator[_Chunk, None, None]:
        """Server-sent events, until the last one."""
        with self._asked("POST", path, body) as (response, connection):
            if connection.sock is not None:
                connection.sock.settimeout(self.address.next_token_timeout_s)
            while line := response.readline(MAX_LINE_BYTES + 1):
                if len(line) > MAX_LINE_BYTES:
                    raise WorkerFailed(f"{self.address.url} sent a line without end")
                if line.startswith(b"data:"):
                    yield self._typed(line[5:].strip(), _Chunk)
                elif line.startswith(b"error:"):
                    raise self._refusal(500, line[6:].strip())

    @contextmanager
    def _asked(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> Iterator[tuple[http.client.HTTPResponse, http.client.HTTPConnection]]:
        connection = self._connected()
        try:
            connection.request(method, path, None if body is None else json.dumps(body), self._headers())
            response = connection.getresponse()
            if response.status != 200:
                raise self._refusal(response.status, self._read(response))
            yield response, connection
        except TimeoutError as e:
            raise WorkerFailed(
                f"{self.address.url} did not answer in time", remedy="is it loading, or busy?"
            ) from e
        except (http.client.HTTPException, OSError) as e:
            raise WorkerDied(
                f"the connection to {self.address.url} broke: {e}", remedy="is it still running?"
            ) from e
        finally:
            connection.close()

    def _connected(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=self.address.connect_timeout_s)
        try:
            connection.connect()
        except OSError as e:
            connection.close()
            raise WorkerFailed(
                f"no server at {self.address.url}: {e.strerror or e}",
                remedy=f"start it: llama-server -m MODEL.gguf --port {self._port or 80} --parallel 6",
            ) from e
        connection.sock.settimeout(self.address.first_token_timeout_s)
        return connection

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self.address.api_key:
            headers["Authorization"] = f"Bearer {self.address.api_key}"
        return headers

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        data = response.read(MAX_BODY_BYTES + 1)
        if len(data) > MAX_BODY_BYTES:
            raise WorkerFailed(f"{self.address.url} answered with more than {MAX_BODY_BYTES} bytes")
        return data

    def _typed(self, data: bytes, kind: type[_T]) -> _T:
        try:
            return msgspec.json.decode(data, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as e:
            raise WorkerFailed(f"{self.address.url} does not answer like a llama-server: {e}") from e

    def _refusal(self, status: int, data: bytes) -> SensoriumError:
        problem = _Problem()
        with suppress(msgspec.DecodeError):
            problem = msgspec.json.decode(data, type=_Error).error
        message = f"{self.address.url}: {problem.message or f'HTTP status {status}'}"[:400]
        if problem.type == "exceed_context_size_error":
            return ContextFull(message, remedy="start the server with a larger --ctx-size, or fewer slots")
        if status in (401, 403):
            return WorkerFailed(message, remedy="set the server's API key")
        if status == 503:
            return WorkerFailed(message, remedy="it is still loading its model; try again")
        return BadInput(message) if status == 400 else WorkerFailed(message)


def _sampling(sampling: Sampling) -> dict[str, Any]:
    # The order of llama.cpp's chain in inference/llama.py, so that a seed means the same here and there.
    return {
        "samplers": ["penalties", "top_k", "top_p", "min_p", "temperature"],
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "repeat_penalty": sampling.repeat_penalty,
        "repeat_last_n": sampling.repeat_last_n,
        "seed": sampling.seed,
        **({"grammar": sampling.grammar} if sampling.grammar else {}),
    }


def _timings(chunk: _Chunk) -> _Timings:
    if chunk.timings is None:
        raise WorkerFailed(
            "the server does not report timings", remedy="use a llama-server from 2026 or newer"
        )
    return chunk.timings


def _usage(chunk: _Chunk, settled: int) -> Usage:
    timings = _timings(chunk)
    return Usage(
        prompt_tokens=timings.cache_n + timings.prompt_n,
        cached_tokens=timings.cache_n,
        processed_tokens=timings.prompt_n,
        settled_tokens=settled,
        reply_tokens=chunk.tokens_predicted,
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
