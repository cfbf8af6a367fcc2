"""A tab of the browser, and what is wrong with what it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import expect

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
PATIENCE = 30_000
"""Milliseconds: other tests may keep the machine busy."""
expect.set_options(timeout=PATIENCE)


class Shown:
    """A tab: opens files, and knows what the browser complained of."""

    def __init__(self, browser: Any, viewport: dict[str, int], **options: Any) -> None:
        self.context = browser.new_context(viewport=viewport, **options)
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def open(self, file: Path, place: str = "") -> Any:
        """Opens the file, at ``#place``, and waits for its rows."""
        self.page.goto("about:blank")
        self.page.goto(file.as_uri() + (f"#{place}" if place else ""))
        expect(self.page.locator("#count")).to_contain_text("rows")
        return self.page
