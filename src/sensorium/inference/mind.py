"""The seam above the scheduler: a request in, its events out, whether this process computes or a server does.

One level above `backend.py`: a server over HTTP schedules its own KV memory and cannot be told to fork a
sequence, but it can be asked for a reply and report what it recomputed. See docs/decisions/0003.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

from sensorium.inference.jobs import Event, Failed, Finished, Request, Settled
from sensorium.inference.scheduler import Scheduler

Events = Generator[Event, None, None]


class Mind(Protocol):
    def generate(self, request: Request) -> Events:
        """For a turn one `Began`, any number of `Said`, then of `Spoke` where speech was asked for, one
        `Finished`; for a settling request one `Settled`.

        Closing the generator cancels the request; what was prefilled may stay in memory. Raises ContextFull
        when prompt and reply do not fit, BadInput for an empty prompt, a grammar that does not parse, rows
        that are not the prompt's, or speech of a mind that only writes, NotFound for an adapter that is not
        loaded, WorkerFailed or WorkerDied when the engine is gone.
        """
        ...


class LocalMind:
    """One request at a time on our own scheduler, in the caller's thread: for benches, tests and tools."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler

    def generate(self, request: Request) -> Events:
        self.scheduler.submit(request)
        try:
            while self.scheduler.has_work:
                for event in self.scheduler.step():
                    if event.turn_id != request.turn_id:
                        continue
                    if isinstance(event, Failed):
                        raise event.error
                    yield event
                    if isinstance(event, Finished | Settled):
                        return
        finally:
            self.scheduler.cancel(request.turn_id)
