"""The tools worker: calls of tools in, what they say out.

Dispatch only: what a tool is and how it is called is decided in `tools/`. Tools are other people's code, so
nothing else lives in this process, and what hangs here holds up nobody: the front keeps the time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sensorium.clock import SystemClock
from sensorium.config import Config
from sensorium.errors import BadInput, NotFound, SensoriumError, WorkerFailed
from sensorium.metrics import Counters
from sensorium.tools import loading
from sensorium.tools.loading import Loaded, Problem
from sensorium.tools.mcp_servers import Servers, State
from sensorium.tools.running import MAX_STUCK, Calls
from sensorium.tools.tool import MAX_ARGUMENTS_BYTES, Answer, Context, Later, Runnable
from sensorium.wire import framing
from sensorium.wire.records import (
    AskedBy,
    CallTool,
    DropCall,
    Inspect,
    Offered,
    Record,
    SaidLater,
    ToolAnswer,
    ToolCard,
    ToolProblem,
    ToTools,
)
from sensorium.workers import shell

FOLDER = "tools"


class ToolsWorker:
    """Serves one front until it says `Stop`. `servers`: what the MCP servers offer at the moment."""

    def __init__(
        self,
        front: shell.Shell,
        loaded: Loaded,
        servers: Callable[[], State],
        folder: Path,
        counters: Counters,
    ) -> None:
        self._front = front
        self._loaded = loaded
        self._servers = servers
        self._folder = folder
        self._counters = counters
        self._calls = Calls(self._tell)

    def serve(self) -> None:
        self.offer()
        for record, _ in self._front.messages():
            self._handle(record)

    def offer(self) -> None:
        """Tells the front what there is now. From any thread."""
        state = self._servers()
        cards = [
            _card(tool, source) for tool, source in zip(self._loaded.tools, self._loaded.sources, strict=True)
        ]
        cards += [_card(tool, f"mcp {tool.name.partition('.')[0]}") for tool in state.tools]
        offered = Offered(tuple(cards), _problems((*self._loaded.problems, *state.problems)), state.starting)
        try:
            framing.encode_header(offered)
        except BadInput as e:
            offered = Offered((), (*offered.problems, ToolProblem("tools", e.one_line())), state.starting)
        self._front.send(offered)

    def _handle(self, record: Record) -> None:
        match record:
            case Inspect():
                self._front.answer(record, self._values())
            case CallTool(call_id=call_id):
                if self._calls.num_stuck >= MAX_STUCK:
                    # A new process has no threads that hang; whoever asked is told to ask again.
                    raise WorkerFailed(f"{MAX_STUCK} calls of tools hang and cannot be ended")
                with self._front.failing(call_id):
                    self._call(record)
            case DropCall(call_id=call_id):
                self._calls.drop(call_id)

    def _call(self, asked: CallTool) -> None:
        tools: dict[str, Runnable] = {tool.name: tool for tool in self._loaded.tools}
        tools |= {tool.name: tool for tool in self._servers().tools}
        if (tool := tools.get(asked.name)) is None:
            raise NotFound.named("tool", asked.name[:80], tools)
        arguments = asked.arguments.encode(errors="replace")
        if len(arguments) > MAX_ARGUMENTS_BYTES:
            raise BadInput(
                f"{tool.name}: arguments of {len(arguments):,} bytes; at most {MAX_ARGUMENTS_BYTES:,}"
            )
        pending = tuple(Later(later.after_s, later.text) for later in asked.pending)
        folder = self._folder / tool.name / _file_name(asked.room_id)
        context = Context(asked.room_id, asked.persona_id, folder, pending)
        self._calls.start(asked.call_id, tool, arguments, context)
        self._counters.add("calls_total", tool=tool.name)

    def _tell(self, call_id: int, outcome: Answer | SensoriumError) -> None:
        """On the call's own thread."""
        if isinstance(outcome, SensoriumError):
            return self._front.fail(call_id, outcome)
        later = tuple(SaidLater(float(after_s), text) for after_s, text in outcome.later)
        return self._front.send(ToolAnswer(call_id, outcome.text, later, outcome.forget))

    def _values(self) -> dict[str, object]:
        return {
            "counters": self._counters.snapshot(),
            "running": self._calls.num_running,
            "stuck": self._calls.num_stuck,
        }


def serve(front: shell.Shell, home: Path) -> None:
    """Loads what is installed, reports `Ready`, starts the configured MCP servers and serves.

    Raises BadInput when the configuration cannot be read.
    """
    clock, counters = SystemClock(), Counters()
    start_s = clock.now_s()
    configured = Config.load(home).mcp
    loaded = loading.installed()
    servers = Servers(configured)
    worker = ToolsWorker(front, loaded, lambda: servers.state, home / FOLDER, counters)
    with front.at_work():
        front.ready("tools", clock.now_s() - start_s, {"tools": len(loaded.tools)})
        servers.start(worker.offer)
        try:
            worker.serve()
        finally:
            servers.close()


def _card(tool: Runnable, source: str) -> ToolCard:
    phrases = tuple(AskedBy(text, dict(fixed)) for text, fixed in tool.phrases.items())
    return ToolCard(tool.name, tool.description, tool.parameters, phrases, source, tool.limit_s)


def _problems(problems: Sequence[Problem]) -> tuple[ToolProblem, ...]:
    return tuple(ToolProblem(problem.name, problem.message) for problem in problems)


def _file_name(room_id: str) -> str:
    """A room's id names a folder only as it was made: no path from outside is ever opened."""
    if not room_id.replace("-", "").replace("_", "").isalnum() or not room_id.isascii() or len(room_id) > 32:
        raise BadInput(f"{room_id[:40]!r} is no id of a room")
    return room_id


def main() -> int:
    parser = shell.argument_parser("tools")
    parser.add_argument("--home", type=Path, required=True, help="folder of config.toml")
    args = parser.parse_args()
    return shell.run(args.fd, ToTools, lambda front: serve(front, args.home), args.rings)


if __name__ == "__main__":
    sys.exit(main())
