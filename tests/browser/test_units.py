"""The page's own tests (tests/unit/client), run by the browser that it is for."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Playwright, Route
from tests.unit.client.golden import golden

ROOT = Path(__file__).parents[2]
ORIGIN = "http://localhost:8"  # nobody serves it: every request is answered below
HEADERS = {"cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp"}
RUN = """async (golden) => {
  const { tests } = await import("/tests/unit/client/all.js");
  const failed = [];
  let passed = 0;
  for (const [subject, cases] of Object.entries(tests(golden))) {
    for (const [what, run] of Object.entries(cases)) {
      try { run(); passed++; } catch (error) { failed.push(`${subject}: ${what}: ${error.message}`); }
    }
  }
  return { passed, failed };
}"""


def test_the_pages_tests_pass_in_the_browser(playwright: Playwright, chromium: str) -> None:
    def serve(route: Route) -> None:
        path = ROOT / urlsplit(route.request.url).path.lstrip("/")
        if path.suffix == ".js":
            return route.fulfill(path=path, content_type="text/javascript", headers=HEADERS)
        route.fulfill(body="<!doctype html>", content_type="text/html", headers=HEADERS)

    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    try:
        page = browser.new_page()
        page.route(f"{ORIGIN}/**", serve)
        page.goto(ORIGIN)
        found = page.evaluate(RUN, golden())
    finally:
        browser.close()

    assert found["failed"] == []
    assert found["passed"] > 30
