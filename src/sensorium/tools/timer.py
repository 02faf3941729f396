"""The timer: says in the room when a time is over. What is pending the room keeps, over restarts, too."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from sensorium.errors import BadInput
from sensorium.quantities import duration_words
from sensorium.tools.tool import Answer, Context, Later, Tool

MAX_S = 86_400
MAX_TIMERS = 8

_Seconds = Annotated[int, Meta(description="how long it runs, in seconds")]


def _timer(
    context: Context, action: Literal["set", "left", "cancel"] = "set", seconds: _Seconds | None = None
) -> Answer:
    pending = context.pending
    if action == "cancel":
        return Answer("ok no timer" if pending else "there is no timer", forget=True)
    if action == "left":
        if not pending:
            return Answer("there is no timer")
        return Answer(f"{_counted(pending[0].after_s)} left")
    if seconds is None or not 1 <= seconds <= MAX_S:
        raise BadInput("a timer takes from one second to a day")
    if len(pending) >= MAX_TIMERS:
        raise BadInput(f"{duration_words(pending[0].after_s)} are left, and there are too many timers")
    lasts = duration_words(seconds)
    return Answer(f"ok {lasts}", (Later(seconds, f"{_counted(seconds, 'the ')} over"),))


def _counted(seconds: float, the: str = "") -> str:
    """ "two minutes are", "one minute is"."""
    words = duration_words(max(1, seconds))
    return f"{the}{words} {'is' if words in ('one second', 'one minute', 'one hour') else 'are'}"


timer = Tool(
    _timer,
    name="timer",
    description="Sets a timer, tells how long is left, or cancels. When it is over you say so by yourself.",
    phrases={
        "set [the] [a] timer for {seconds:duration}": {"action": "set"},
        "set [the] [a] timer to {seconds:duration}": {"action": "set"},
        "set a {seconds:duration} timer": {"action": "set"},
        "start [the] [a] timer for {seconds:duration}": {"action": "set"},
        "start a {seconds:duration} timer": {"action": "set"},
        "timer {seconds:duration}": {"action": "set"},
        "timer for {seconds:duration}": {"action": "set"},
        "remind me in {seconds:duration}": {"action": "set"},
        # Of words that nano's ear knows.
        "tell me in {seconds:duration}": {"action": "set"},
        "tell us in {seconds:duration}": {"action": "set"},
        "wait [for] {seconds:duration}": {"action": "set"},
        "use the clock [for] {seconds:duration}": {"action": "set"},
        "say when {seconds:duration} are over": {"action": "set"},
        "say when {seconds:duration} is over": {"action": "set"},
        "tell me when {seconds:duration} are over": {"action": "set"},
        "tell me when {seconds:duration} is over": {"action": "set"},
        "tell us when {seconds:duration} are over": {"action": "set"},
        "how much time is left [on the timer]": {"action": "left"},
        "how long is left [on the timer]": {"action": "left"},
        "what is left on the timer": {"action": "left"},
        "stop the clock": {"action": "cancel"},
        "cancel the timer": {"action": "cancel"},
        "stop the timer": {"action": "cancel"},
        "clear the timer": {"action": "cancel"},
    },
)
