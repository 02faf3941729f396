"""Tools of MCP servers over stdio: each server a process of its own, started again when it dies.

An event loop on a thread of its own speaks with them, by the `mcp` package (extra `mcp`), which is imported
only when there is a server to speak with. Knows no room and no worker.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from sensorium.config import McpServer
from sensorium.errors import BadInput, SensoriumError, ToolFailed
from sensorium.tools import following
from sensorium.tools.loading import Problem
from sensorium.tools.tool import NAME, Answer, Context, check

MAX_TOOLS = 64
START_S = 60.0
# How often a server is asked whether it is there and what it offers.
LOOK_EVERY_S = 10.0
# A server that has ended is started again, the later the oftener it lived shorter than START_S in a row.
_AGAIN_AFTER_S = (0.5, 2.0, 10.0, 60.0)
# Above a call's own limit, which whoever calls keeps.
_LONGER_S = 2.0


def again_after_s(num_short: int) -> float:
    """How long to wait after so many short lives in a row."""
    return _AGAIN_AFTER_S[min(max(num_short - 1, 0), len(_AGAIN_AFTER_S) - 1)]


class State(NamedTuple):
    """What all servers offer now, what is wrong with them, and those that have not said yet."""

    tools: tuple[McpTool, ...] = ()
    problems: tuple[Problem, ...] = ()
    starting: tuple[str, ...] = ()


class McpTool:
    """A `Runnable`, called `server.tool`. `call` is carried out on the servers' loop."""

    def __init__(
        self,
        server: str,
        listed: Any,
        configured: McpServer,
        call: Callable[[str, dict[str, Any]], Coroutine[Any, Any, Answer]],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`listed` as the server describes it. Raises BadInput when that is no usable tool."""
        from jsonschema import validators
        from jsonschema.exceptions import SchemaError
        from referencing import Registry

        self.name, self._own_name = f"{server}.{listed.name}", listed.name
        if not NAME.fullmatch(self.name):
            raise BadInput(f"{self.name[:80]!r} is no name of a tool")
        self.description = " ".join((listed.description or "").split())
        self.parameters: dict[str, Any] = dict(listed.input_schema)
        self.phrases: dict[str, dict[str, Any]] = {
            phrase: {} for phrase in configured.phrases.get(listed.name, ())
        }
        self.limit_s = configured.limit_s
        check(self)
        kind = validators.validator_for(self.parameters)
        try:
            kind.check_schema(self.parameters)
        except SchemaError as e:
            raise BadInput(f"{self.name}: its schema is none: {e.message[:200]}") from e
        # An empty registry: a schema that points elsewhere must not fetch it.
        self._validator = kind(self.parameters, registry=Registry())
        self._call, self._loop = call, loop

    def run(self, arguments: bytes, context: Context) -> Answer:
        """See `tool.Runnable`."""
        from jsonschema.exceptions import best_match

        try:
            given = msgspec.json.decode(arguments, type=dict[str, Any])
        except (ValueError, RecursionError) as e:
            raise BadInput(f"{self.name}: {' '.join(str(e).split())}") from e
        if (wrong := best_match(self._validator.iter_errors(given))) is not None:
            raise BadInput(f"{self.name}: {wrong.json_path}: {wrong.message[:200]}")
        called = asyncio.run_coroutine_threadsafe(self._call(self._own_name, given), self._loop)
        try:
            return called.result(self.limit_s + _LONGER_S)
        except FutureTimeout as e:
            called.cancel()
            raise ToolFailed(f"{self.name} did not answer within {self.limit_s:g} s") from e


class Servers:
    """`state` is another object whenever something has changed."""

    def __init__(self, configured: Mapping[str, McpServer]) -> None:
        self._configured = configured
        self._changed: Callable[[], None] = lambda: None
        self._tools: dict[str, tuple[McpTool, ...]] = {}
        self._problems: dict[str, tuple[Problem, ...]] = {}
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread: threading.Thread | None = None
        self.state = State(starting=tuple(sorted(configured)))

    def start(self, changed: Callable[[], None]) -> None:
        """Returns at once. `changed` is called, on a thread of ours, whenever `state` has changed."""
        self._changed = changed
        if self._configured:
            self._thread = threading.Thread(target=self._run, name="mcp", daemon=True)
            self._thread.start()

    def close(self, timeout_s: float = 3.0) -> None:
        """Ends the servers' processes; what hangs then is ended by the kernel with ours."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(timeout_s)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve_all())

    async def _serve_all(self) -> None:
        try:
            import mcp  # noqa: F401
        except ImportError:
            for name in self._configured:
                self._lost(name, "mcp is not installed (pip install 'sensorium[mcp]')")
            return
        tasks = [asyncio.create_task(self._keep(name)) for name in self._configured]
        await self._stopping.wait()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def _keep(self, name: str) -> None:
        """One server, again and again."""
        num_short = 0
        while True:
            since_s = self._loop.time()
            try:
                await self._serve(name, self._configured[name])
            except Exception as e:  # whatever the library makes of a server that misbehaves
                self._lost(name, _reason(e))
            num_short = 0 if self._loop.time() - since_s > START_S else num_short + 1
            await asyncio.sleep(again_after_s(num_short))

    async def _serve(self, name: str, server: McpServer) -> None:
        """While it lives. Raises whatever goes wrong."""
        from mcp import Client, MCPError, StdioServerParameters, stdio_client

        if shutil.which(server.command) is None:
            raise BadInput(f"there is no command {server.command!r}")
        leading = ["-I", following.__file__, str(os.getpid()), server.command]
        process = StdioServerParameters(
            command=sys.executable, args=[*leading, *server.args], env=dict(server.env), cwd=Path.home()
        )
        gone = asyncio.Event()
        async with Client(stdio_client(process), read_timeout_seconds=START_S) as client:

            async def call(tool: str, arguments: dict[str, Any]) -> Answer:
                try:
                    result = await client.call_tool(tool, arguments, server.limit_s + _LONGER_S)
                except MCPError as e:
                    if _is_closed(e):
                        gone.set()
                        raise ToolFailed(f"the MCP server {name} has ended; it is started again") from e
                    raise ToolFailed(f"{name}.{tool}: {' '.join(str(e).split())[:400]}") from e
                return _answer(f"{name}.{tool}", result)

            while not gone.is_set():
                try:
                    listed = await _listed(client)
                except MCPError as e:
                    if _is_closed(e):
                        break
                else:
                    self._list(name, listed, server, call)
                await _until(gone, LOOK_EVERY_S)
        raise ToolFailed("its process has ended")

    def _list(
        self,
        name: str,
        listed: list[Any],
        server: McpServer,
        call: Callable[[str, dict[str, Any]], Coroutine[Any, Any, Answer]],
    ) -> None:
        known = {tool.name: tool for tool in self._tools.get(name, ())}
        tools, problems = {}, []
        for one in listed[:MAX_TOOLS]:
            try:
                tool = McpTool(name, one, server, call, self._loop)
            except SensoriumError as e:
                problems.append(Problem(f"{name}.{one.name}"[:100], e.one_line()))
            else:
                tools[tool.name] = tool
        names = {one.name for one in listed}
        problems += [
            Problem(f"{name}.{missing}", "config.toml has phrases for it, and the server has no such tool")
            for missing in server.phrases
            if missing not in names
        ]
        if len(listed) > MAX_TOOLS:
            problems.append(Problem(name, f"it offers {len(listed)} tools; the first {MAX_TOOLS} are taken"))
        same = {n: (t.description, t.parameters) for n, t in known.items()} == {
            n: (t.description, t.parameters) for n, t in tools.items()
        }
        if not same or name not in self._tools:
            self._tools[name] = tuple(tools.values())
            self._problems[name] = tuple(problems)
            self._tell()

    def _lost(self, name: str, why: str) -> None:
        problems = (Problem(name, why),)
        if name in self._tools or self._problems.get(name) != problems:
            self._tools.pop(name, None)
            self._problems[name] = problems
            self._tell()

    def _tell(self) -> None:
        self.state = State(
            tuple(tool for name in sorted(self._tools) for tool in self._tools[name]),
            tuple(problem for name in sorted(self._problems) for problem in self._problems[name]),
            tuple(name for name in sorted(self._configured) if name not in self._problems),
        )
        self._changed()


async def _listed(client: Any) -> list[Any]:
    found: list[Any] = []
    cursor = None
    while len(found) <= MAX_TOOLS:
        page = await client.list_tools(cursor=cursor, cache_mode="refresh")
        found += page.tools
        if (cursor := page.next_cursor) is None:
            break
    return found


async def _until(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return


def _answer(name: str, result: Any) -> Answer:
    """Raises ToolFailed for what the server calls an error."""
    texts = [block.text for block in result.content if getattr(block, "type", "") == "text"]
    others = [f"({block.type})" for block in result.content if getattr(block, "type", "") != "text"]
    if not texts and result.structured_content is not None:
        texts = [msgspec.json.encode(result.structured_content).decode()]
    text = "\n".join([*texts, *others]).strip()
    if result.is_error:
        raise ToolFailed(f"{name}: {' '.join(text.split())[:400] or 'it failed'}")
    return Answer(text)


def _is_closed(error: Any) -> bool:
    from mcp_types import CONNECTION_CLOSED

    return bool(error.code == CONNECTION_CLOSED)


def _reason(error: BaseException) -> str:
    """One line; of a group the first error inside."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    said = error.message if isinstance(error, SensoriumError) else " ".join(str(error).split())[:400]
    return said if isinstance(error, SensoriumError) else f"{type(error).__name__}: {said}"
