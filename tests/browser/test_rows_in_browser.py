"""Finding a row and reading it, in a real browser, as wide as a desktop and as a phone."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect
from tab import Shown

import made_up_run

ROWS = made_up_run.task().rows
FIRST_ROW = "details.row"


def test_filters_by_outcome_disagreement_label_and_family(shown: Shown, page_file: Path) -> None:
    page = shown.open(page_file)
    task = made_up_run.task()
    base, lora, gpt = (model.answers for model in task.models)
    expected = sum(row.gold != answer.predicted != "unparsed" for row, answer in zip(ROWS, base, strict=True))
    form = page.locator("#filters")
    form.get_by_label("Model", exact=True).select_option("base")
    form.get_by_label("Answer", exact=True).select_option("wrong")
    count = page.locator("#count")
    expect(count).to_have_text(f"{expected} of 300 rows")
    form.get_by_label("Model", exact=True).select_option("gpt35")
    form.get_by_label("Answer", exact=True).select_option("unparsed")
    expected = sum(answer.predicted == "unparsed" for answer in gpt)
    expect(count).to_have_text(f"{expected} of 300 rows")
    form.get_by_role("button", name="Clear").click()
    form.get_by_label("Models disagree").check()
    said = [{a.predicted, b.predicted, c.predicted} for a, b, c in zip(base, lora, gpt, strict=True)]
    expected = sum(len(labels) > 1 for labels in said)
    expect(count).to_have_text(f"{expected} of 300 rows")
    form.get_by_label("Family", exact=True).select_option("ages")
    form.get_by_label("Label", exact=True).select_option("e")
    expected = sum(
        len(labels) > 1 and row.facets["family"] == "ages" and row.gold == "entailment"
        for labels, row in zip(said, ROWS, strict=True)
    )
    expect(count).to_have_text(f"{expected} of 300 rows")
    assert count.get_attribute("role") == "status"
    form.get_by_role("button", name="Clear").click()
    expect(count).to_have_text("300 rows")


def test_searches_texts_and_says_when_nothing_is_found(shown: Shown, page_file: Path) -> None:
    page = shown.open(page_file)
    search = page.get_by_label("Search", exact=True)
    word = ROWS[200].context.split(".")[0]
    expected = sum(word.lower() in f"{row.question}\n{row.context}".lower() for row in ROWS)
    search.fill(word.upper())
    expect(page.locator("#count")).to_have_text(f"{expected} of 300 rows")
    assert page.locator(FIRST_ROW).count() == min(50, expected)
    search.fill("no row says this")
    expect(page.locator("#count")).to_have_text("0 of 300 rows")
    assert page.locator(FIRST_ROW).count() == 0


def test_a_row_shows_everything_and_the_address_leads_back_to_it(shown: Shown, page_file: Path) -> None:
    page = shown.open(page_file)
    row = ROWS[1]
    element = page.locator(FIRST_ROW).nth(1)
    element.locator("summary").first.click()
    element.locator(".detail").wait_for()
    element.locator(".answer summary").first.click()
    text = element.inner_text()
    for wanted in (row.context, row.question, row.id, row.truth, made_up_run.ASK):
        assert wanted in text
    for model in made_up_run.task().models:
        assert model.answers[1].text in text
        assert model.name in text
    assert "row=1" in page.url
    place = page.url.partition("#")[2]
    again = shown.open(page_file, place)
    again.locator(".detail").wait_for()
    assert again.locator("details.row[open]").get_attribute("data-row") == "1"
    assert again.locator("details.row[open]").bounding_box()["y"] < again.viewport_size["height"]


def test_a_row_shows_how_it_was_put_otherwise(desktop: Shown, page_file: Path) -> None:
    page = desktop.open(page_file, "row=2")
    fold = page.locator(".detail .otherwise")
    fold.locator("summary").click()
    shuffled, negated = (row for row in made_up_run.task(perturb=True).perturbed if row.of == 2)
    expect(fold.get_by_role("group", name="premises shuffled")).to_have_text(
        f"{shuffled.context}\n\n{ROWS[2].question}"
    )
    expect(fold.get_by_role("group", name="question negated")).to_contain_text(negated.question)
    assert f"question negated · {negated.gold}" in fold.inner_text()
    assert fold.locator(".mark").count() == 6


def test_an_address_leads_to_the_right_page_and_survives_nonsense(desktop: Shown, page_file: Path) -> None:
    page = desktop.open(page_file, "row=173")
    page.locator(".detail").wait_for()
    assert page.locator("#page").inner_text() == "Page 4 of 6"
    assert page.locator("details.row[open]").get_attribute("data-row") == "173"
    # Its texts are in the second block.
    page = desktop.open(page_file, "row=271")
    expect(page.locator(".detail .text").first).to_have_text(ROWS[271].context)
    expect(page.get_by_role("group", name="Answer of gpt35")).to_have_text(
        made_up_run.task().models[2].answers[271].text
    )
    page.evaluate("location.hash = 'task=9&model=nobody&is=odd&page=999&row=-1&x=<b>'")
    expect(page.locator("#page")).to_have_text("Page 6 of 6")
    assert page.locator("#count").inner_text() == "300 rows"
    page.evaluate("location.hash = 'task=1&model=lora&is=wrong'")
    expect(page.locator("#count")).to_contain_text("of 60 rows")


def test_pages_through_rows(shown: Shown, page_file: Path) -> None:
    page = shown.open(page_file)
    assert page.locator("#previous").is_disabled()
    page.locator("#next").click()
    expect(page.locator("#page")).to_have_text("Page 2 of 6")
    ids = page.locator(FIRST_ROW).evaluate_all("(all) => all.map((one) => Number(one.dataset.row))")
    assert ids == list(range(50, 100))
    assert "page=2" in page.url
    page.get_by_label("Search", exact=True).fill(ROWS[0].puzzle)
    expect(page.locator("#count")).to_contain_text("of 300 rows")
    assert page.locator(FIRST_ROW).first.get_attribute("data-row") == "0"
    assert not page.locator("#pages").is_visible()


def test_leads_from_a_row_to_its_puzzle(desktop: Shown, page_file: Path) -> None:
    page = desktop.open(page_file, "row=12")
    page.get_by_role("button", name="All questions on this puzzle").click()
    expected = sum(row.puzzle == ROWS[12].puzzle for row in ROWS)
    expect(page.locator("#count")).to_have_text(f"{expected} of 300 rows")


def test_a_hostile_answer_is_text(shown: Shown, page_file: Path) -> None:
    page = shown.open(page_file)
    for doc_id, text in made_up_run.HOSTILE.items():
        row = page.locator(f"details.row[data-row='{doc_id}']")
        row.locator("summary").first.click()
        row.locator(".detail").wait_for()
        if len(text) > 5000:
            button = row.get_by_role("button", name=re.compile("Show all"))
            assert f"{len(text):,}" in button.inner_text()
            button.click()
        box = row.get_by_label("Answer of gpt35")
        assert box.evaluate("(one) => one.textContent") == text
        assert box.locator("*").count() == 0
        assert box.evaluate("(one) => one.scrollWidth <= one.clientWidth")
        row.locator("summary").first.click()
    assert page.title() == "20260101-120000 · entailbench"
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
