"""The place of a thread in the queue for a core: ears and mouths first, then the loop, then everything else.

They compute little and often, somebody hears when they are late, and a mind that reads a long prompt takes
all cores there are. Where the system does not grant it they queue as everybody does.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_NICE = -10


def raise_own() -> str:
    """Of the calling thread; "real-time", "raised" or "normal": what the system granted."""
    with suppress(OSError, AttributeError):  # not every system knows it, most do not grant it
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        return "real-time"
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
        return "raised"
    return "normal"


@contextmanager
def before_others() -> Iterator[None]:
    """Inside, the calling thread is raised where that is granted, but not in real time: it would keep the
    machine from everybody when it has a fault. What it starts queues as everybody does."""
    before = 0
    with suppress(OSError, AttributeError):
        before = os.getpriority(os.PRIO_PROCESS, 0)
        os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    try:
        yield
    finally:
        with suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, 0, before)


def granted() -> str:
    """What `raise_own` would get, for `sensorium doctor`: tried in a thread that ends with it."""
    found: list[str] = []
    trying = threading.Thread(target=lambda: found.append(raise_own()))
    trying.start()
    trying.join()
    return found[0]
