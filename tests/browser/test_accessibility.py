"""axe-core finds no fault in the page: wide and narrow, light and dark, folded and unfolded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from tab import Shown


def faults(page: Any) -> list[str]:
    """What axe-core calls a violation, best practices included."""
    found = Axe().run(page).response["violations"]
    return [f"{one['impact']}: {one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_accessibility_fault(shown: Shown, page_file: Path, scheme: str) -> None:
    shown.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page = shown.open(page_file, "row=3")
    page.locator(".detail").wait_for()
    assert faults(page) == []
    page.evaluate("document.querySelectorAll('details:not(.row)').forEach((one) => { one.open = true; })")
    assert faults(page) == []
