"""A person in front of a real browser: what they do with the page, and what they see and hear of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

import sensorium
from sensorium.wire.page import Decoder, FromPage

PICTURES = Path(__file__).parents[2] / "build" / "browser"
EVENING = Path(sensorium.__file__).parent / "cli" / "evening"
SOUNDS = Path(sensorium.__file__).parent / "bench" / "sounds"
PROBE = Path(__file__).with_name("probe.js")
LIKES = EVENING / "01-maya-likes.wav"
# A machine may be slow; what should happen happens.
PATIENCE_MS = 60_000
LONG_REPLY = "maya say after me blue horse red garden green cheese white bread"


class Visitor:
    """`errors`: what went wrong in the page's scripts, which is nothing."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.errors: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.errors.append(f"{error} {error.stack}"))
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        page.add_init_script(path=PROBE)

    def open(self, *, own_microphone: bool = False) -> Visitor:
        """At the door. `own_microphone`: the test speaks by `speak`, else the browser's fake device does."""
        if own_microphone:
            self.page.add_init_script("probe.takeMicrophone()")
        # What processing does to a machine's voice is the browser's business.
        self.page.goto(f"{self.url}?processing=off")
        return self

    def sent(self) -> list[tuple[Any, bytes]]:
        """Fills with what the page sends from now on, as the room's own decoder reads it."""
        found: list[tuple[Any, bytes]] = []
        decoder = Decoder(FromPage)

        def take(message: str | bytes) -> None:
            assert isinstance(message, bytes), "all messages of the page are binary"
            found.append(decoder.decode(message))

        self.page.on("websocket", lambda socket: socket.on("framesent", take))
        return found

    def join(self, name: str, mode: str = "type") -> Visitor:
        self.page.fill("#name", name)
        self.page.check(f"#join-form [value={mode}]")
        self.page.click("#enter")
        self.page.wait_for_selector("#personas .persona")
        return self

    def say(self, text: str) -> None:
        self.page.fill("#say", text)
        self.page.press("#say", "Enter")

    def speak(self, wav: Path) -> None:
        """Into the microphone; returns when it was said."""
        self.page.evaluate("(wav) => probe.speak(wav)", base64.b64encode(wav.read_bytes()).decode())

    def entries(self, text: str) -> Locator:
        """What stands in the conversation with these words in it."""
        return self.page.locator("#log .entry", has_text=text)

    def notice(self, text: str) -> Locator:
        return self.page.locator(".notice", has_text=text)

    def wait_for_reply(self, persona: str, after: int = 0) -> str:
        """The words of the persona's reply number `after` + 1 on this page."""
        entry = self.page.locator("#log .entry.persona", has_text=persona).nth(after)
        entry.wait_for()
        return entry.locator(".words > span").first.inner_text()

    def wait_for_answer(self, persona: str) -> str:
        """What the persona said first behind this visitor's first message; others talked before."""
        entry = self.page.locator("#log .entry.me ~ .entry.persona", has_text=persona).first
        entry.wait_for()
        return entry.locator(".words > span").first.inner_text()

    def wait_until(self, persona: str, does: str) -> None:
        self.page.wait_for_selector(f'#personas [data-persona="{persona}"][data-does="{does}"]')

    def heard_ms(self) -> float:
        """How much sound there was until now that is not silence."""
        return float(self.page.evaluate("probe.soundMs"))

    def main_thread(self, run: Callable[[], None]) -> list[float]:
        """Processor time in ms of each task of the page's main thread while `run` runs. On a busy machine
        a task takes longer, but no more of it."""
        browser = self.page.context.browser
        assert browser is not None
        browser.start_tracing(page=self.page, categories=["toplevel", "devtools.timeline"])
        run()
        events = json.loads(browser.stop_tracing())["traceEvents"]
        (main,) = {
            (e["pid"], e["tid"])
            for e in events
            if e["name"] == "FunctionCall" and e["args"].get("data", {}).get("url") == f"{self.url}app.js"
        }
        return [
            e["tdur"] / 1000
            for e in events
            if e["name"].endswith("RunTask") and "tdur" in e and (e["pid"], e["tid"]) == main
        ]

    def picture(self, name: str) -> None:
        """Kept in build/, for people to look at."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png")
