"""A real browser with nothing but one file to show: no network, a fresh profile, and every complaint of it kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tab import DESKTOP, FLAGS, PHONE, Shown

import made_up_run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, started once."""
    from playwright.sync_api import sync_playwright

    program = os.environ.get("ENTAILBENCH_CHROMIUM") or shutil.which("chromium")
    if not program:
        pytest.skip("needs Chromium: tests/browser/install.sh installs it, ENTAILBENCH_CHROMIUM names another")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the made-up run: two tasks, the first with three models on 300 rows."""
    from entailbench.analysis import analyse
    from entailbench.report.page import render_page

    tasks = (made_up_run.task(perturb=True), made_up_run.task(60, "second", hostile=False, seed=3))
    report = analyse(
        tasks, "runs/20260101-120000", made_up_run.identities(), {"python": "3.11.2", "entailbench": "0.1.0"}
    )
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_page(report, tasks), encoding="utf-8")
    return path


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def shown(browser: Any, request: pytest.FixtureRequest) -> Iterator[Shown]:
    """A tab as wide as a desktop, and one as a phone; whatever a test does, the browser must not complain."""
    tab = Shown(browser, request.param, is_mobile=request.param is PHONE, has_touch=request.param is PHONE)
    yield tab
    tab.context.close()
    assert tab.complaints == []


@pytest.fixture
def desktop(browser: Any) -> Iterator[Shown]:
    """One tab as wide as a desktop, for what does not depend on the width."""
    tab = Shown(browser, DESKTOP)
    yield tab
    tab.context.close()
    assert tab.complaints == []
