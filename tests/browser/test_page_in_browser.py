"""What a reader does with the report, in a real browser, as wide as a desktop and as a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import expect
from tab import Shown

FIRST_ROW = "details.row"


def column(page: Any, table: str, body: int, number: int) -> list[str]:
    """The texts of a column."""
    cells = page.locator(f"{table} tbody").nth(body).locator(f"tr > :nth-child({number})")
    return [text.split("\n")[0].strip() for text in cells.all_inner_texts()]


def test_opens_without_a_word_of_complaint_and_asks_for_nothing(shown: Shown, page_file: Path) -> None:
    page = shown.open(page_file)
    assert page.title() == "20260101-120000 · entailbench"
    assert [url for url in shown.requests if not url.startswith(("file:", "about:", "data:"))] == []
    assert len([url for url in shown.requests if url.startswith("file:")]) == 1
    # The verdict is what one sees first.
    box = page.locator(".verdict").first.bounding_box()
    assert box["y"] + box["height"] < page.viewport_size["height"] * 0.6
    assert "beats" in page.locator(".verdict").first.inner_text()


def test_nothing_is_wider_than_the_screen(shown: Shown, page_file: Path) -> None:
    page = shown.open(page_file)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.locator(".detail").first.wait_for()
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_sorts_tables_and_keeps_baselines_below(shown: Shown, page_file: Path) -> None:
    page = shown.open(page_file)
    table = "#task-0 table.figures"
    head = page.locator(f"{table} thead th").nth(4)
    assert "balanced" in head.inner_text()
    for order in ("descending", "ascending"):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == order
        for body in (0, 1):
            figures = [float(text) for text in column(page, table, body, 5) if text != "–"]
            assert figures == sorted(figures, reverse=order == "descending")
            assert len(figures) == 3
        assert "unavailable" in page.locator(f"{table} tbody").nth(1).locator("tr").last.inner_text()
    page.locator(f"{table} thead th").first.get_by_role("button").click()
    assert [name[:4] for name in column(page, table, 0, 1)] == ["base", "gpt3", "lora"]


def background(page: Any) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_switches_the_theme_and_remembers_it(shown: Shown, page_file: Path) -> None:
    page = shown.open(page_file)
    button = page.locator("#theme")
    light = background(page)
    button.click()
    dark = background(page)
    assert dark != light
    assert button.get_attribute("aria-label") == "Light theme"
    ink = page.locator("svg.plot text.fill-ink").first.evaluate("(one) => getComputedStyle(one).fill")
    assert ink == page.evaluate("getComputedStyle(document.body).color")
    page = shown.open(page_file)
    assert background(page) == dark
    page.get_by_role("button", name="Light theme").click()
    assert background(page) == light


def test_follows_the_system_until_the_reader_chooses(browser: Any, page_file: Path) -> None:
    tab = Shown(browser, {"width": 1280, "height": 900}, color_scheme="dark")
    page = tab.open(page_file)
    dark = background(page)
    assert page.get_by_role("button", name="Light theme").is_visible()
    page.emulate_media(color_scheme="light")
    assert background(page) != dark
    tab.context.close()
    assert tab.complaints == []


def test_works_with_the_keyboard_alone(desktop: Shown, page_file: Path) -> None:
    page = desktop.open(page_file)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the findings"
    summary = page.locator(f"{FIRST_ROW} > summary").first
    summary.focus()
    page.keyboard.press("Enter")
    page.locator(".detail").wait_for()
    outline = summary.evaluate("(one) => getComputedStyle(one).outlineStyle")
    assert outline != "none"
    page.keyboard.press("Enter")
    expect(page.locator("details.row[open]")).to_have_count(0)
    head = page.locator("#task-0 table.figures thead th").nth(1)
    head.get_by_role("button").focus()
    page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "descending"


def test_the_policy_lets_nothing_else_run(browser: Any, page_file: Path) -> None:
    tab = Shown(browser, {"width": 800, "height": 600})
    page = tab.open(page_file)
    page.evaluate(
        """() => {
          const script = document.createElement('script');
          script.textContent = "document.title = 'broken in'";
          document.body.append(script);
          const image = document.createElement('img');
          image.src = 'http://127.0.0.1:9/x.png';
          document.body.append(image);
        }"""
    )
    page.wait_for_timeout(200)
    assert page.title() == "20260101-120000 · entailbench"
    assert len([text for text in tab.complaints if "Content Security Policy" in text]) == 2
    tab.context.close()


def test_reads_without_javascript(browser: Any, page_file: Path) -> None:
    tab = Shown(browser, {"width": 1280, "height": 900}, java_script_enabled=False)
    tab.page.goto(page_file.as_uri())
    assert tab.page.locator(".verdict").first.is_visible()
    assert tab.page.locator("svg.plot").first.is_visible()
    assert tab.page.get_by_text("needs JavaScript").is_visible()
    tab.context.close()
