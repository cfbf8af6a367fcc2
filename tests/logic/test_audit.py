"""The audit: counts that can be told beforehand, on a made-up data set; and the real one's required figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import made_up_puzzte
from entailbench.logic.auditing.agreement import BINARY, COMPATIBLE, Agreement, agreement, chance
from entailbench.logic.auditing.audit import AuditReport, AuditRow, audit_rows
from entailbench.logic.auditing.audit_json import json_lines, summary
from entailbench.logic.auditing.audit_page import markdown_page, terminal_text
from entailbench.logic.auditing.lag import peak, total
from entailbench.logic.auditing.plain_evidence import plain_evidence
from entailbench.logic.auditing.self_checks import SelfChecks, check_puzzle
from entailbench.logic.enumeration import ModelTable
from entailbench.logic.formula import Before
from entailbench.logic.judging.checksum import open_share, same_share
from entailbench.logic.judging.judge import STATUSES, judge_puzzle
from entailbench.logic.language.conventions import PUZZTE
from entailbench.logic.puzzle import Premise, Reading, Sentence, Signature
from entailbench.logic.truth import CONTRADICTION, TRUTHS, UNKNOWN
from entailbench.records import ENTAILMENT


def rows_of(data: list[made_up_puzzte.Row]) -> list[AuditRow]:
    return [
        AuditRow(
            id=f"row {number}",
            where="a test",
            context=row["puzzle_text"],
            question=row["question"],
            published=row["answer"],
            ambiguity=row["ambiguity"],
            qid=int(row["qid"]),
        )
        for number, row in enumerate(data)
    ]


RIGHT, SHIFTED = made_up_puzzte.rows(), made_up_puzzte.rows(shift=1)


@pytest.fixture(scope="module")
def right() -> AuditReport:
    return audit_rows(rows_of(RIGHT))


@pytest.fixture(scope="module")
def shifted() -> AuditReport:
    return audit_rows(rows_of(SHIFTED))


def test_the_plainest_questions_need_no_solver(right: AuditReport, shifted: AuditReport) -> None:
    reflexive, restated = plain_evidence(right.rows)
    everybody = sum(len(people) for people, _, _ in made_up_puzzte.COMPARISONS)
    assert reflexive.own == Agreement(2 * everybody, 2 * everybody)
    premises = sum(len(pairs) for _, _, pairs in made_up_puzzte.COMPARISONS)
    assert restated.own == Agreement(2 * premises, 2 * premises)
    reflexive, restated = plain_evidence(shifted.rows)
    assert reflexive.own.agree < reflexive.own.rows
    assert restated.own.agree < restated.own.rows
    assert reflexive.following.share == restated.following.share == 1.0


def test_right_labels_agree_with_all_that_was_proved(right: AuditReport) -> None:
    assert [one.verdict.truth for one in right.rows] == [row["right"] for row in RIGHT]
    assert [figures.family for figures in right.families] == ["heights", "knights"]
    for figures in right.families:
        assert figures.statuses["verified"] == figures.definite == figures.rows
        assert figures.puzzles == figures.puzzles_read == figures.puzzles_fit
        assert figures.three_way.share == figures.binary.share == 1.0
    assert right.contradictions == ()
    assert peak(right.lags, "inferred order") == 0


def test_wrong_labels_are_counted(shifted: AuditReport) -> None:
    heights = shifted.families[0]
    own = [row for row in SHIFTED if "knave" not in row["puzzle_text"]]
    assert heights.rows == len(own)
    assert heights.three_way == Agreement(sum(row["answer"] == row["right"] for row in own), len(own))
    assert heights.binary.agree == sum((row["answer"] == ENTAILMENT) == (row["right"] == ENTAILMENT) for row in own)
    assert 0 < len(shifted.contradictions) < len(SHIFTED)
    assert all(one.verdict.truth not in COMPATIBLE[str(one.row.published)] for one in shifted.contradictions)


def test_the_plainest_contradictions_come_first(shifted: AuditReport) -> None:
    """Nobody is taller than themself; then a premise, word for word; then by the number of premises."""
    kinds = [0 if one.reflexive else 1 if one.restates else 2 for one in shifted.contradictions]
    assert kinds == sorted(kinds)
    assert {0, 1, 2} == set(kinds)
    rest = [one.verdict for one in shifted.contradictions if not one.reflexive and not one.restates]
    efforts = [(verdict.truth == UNKNOWN, len(verdict.premises)) for verdict in rest]
    assert efforts == sorted(efforts)
    assert {opened for opened, _ in efforts} == {False, True}


def test_an_unsure_label_contradicts_nobody() -> None:
    """A puzzle that may have been misread is no evidence."""
    data = [{**row, "ambiguity": 12.5} for row in SHIFTED[:20]]
    report = audit_rows(rows_of(data))
    assert {one.verdict.status for one in report.rows} == {"unsure"}
    assert any(one.agrees is False for one in report.rows)
    assert report.contradictions == ()
    assert "12\\.5%" in markdown_page(report, "a test")


def test_agreement_and_chance() -> None:
    pairs = [
        (ENTAILMENT, ENTAILMENT),
        (CONTRADICTION, UNKNOWN),
        ("non-entailment", UNKNOWN),
        ("non-entailment", ENTAILMENT),
    ]
    assert agreement(pairs, COMPATIBLE) == Agreement(2, 4)
    assert agreement(pairs, BINARY) == Agreement(3, 4)
    # published: 1 entailment, 1 contradiction, 2 non-entailment; true: 2 entailment, 2 unknown
    assert chance(pairs, COMPATIBLE) == (1 * 2 + 1 * 0 + 2 * 2) / 16
    assert chance(pairs, BINARY) == (1 * 2 + 3 * 2) / 16
    assert chance([], BINARY) is None
    assert Agreement(0, 0).share is None


def test_the_checksum_counts_every_question() -> None:
    """Against the enumeration of all questions in the made-up data."""
    for people, text, pairs in made_up_puzzte.COMPARISONS:
        premises = tuple(Premise(Sentence(text), Before(*pair)) for pair in pairs)
        reading = Reading("", Signature(groups=(people,), places=len(people)), premises)
        answers = [right for _, right in made_up_puzzte.compared(people, pairs)]
        share = 100 * sum(right == UNKNOWN for right in answers) / len(answers)
        assert open_share(reading, ModelTable(reading).truth) == pytest.approx(share)


def test_shares_are_compared_up_to_rounding() -> None:
    assert same_share(33.3333333333, 100 / 3)
    assert not same_share(33.36, 100 / 3)


def test_the_checks_of_ourselves(right: AuditReport) -> None:
    """Each premise as itself and in two wordings; two wordings of each person against themself."""
    premises = sum(len(pairs) for _, _, pairs in made_up_puzzte.COMPARISONS)
    claims = 3 + 3
    everybody = sum(len(people) for people, _, _ in made_up_puzzte.COMPARISONS)
    assert right.checks.passed == (
        Agreement(3 * premises + claims, 3 * premises + claims),
        Agreement(2 * everybody, 2 * everybody),
        Agreement(3 + 3, 3 + 3),
    )
    assert right.checks.failures == ()


HOSTILE = "Asta is taller than Bror. # <script>alert(1)</script> | `x` [a](http://b) *c* &amp; Bror glorps Cleo."


def test_texts_are_quoted_not_obeyed() -> None:
    row = AuditRow("<i>|1</i>", "a *test*", HOSTILE, "Is Asta taller than Asta ?\n# Heading", ENTAILMENT)
    plain = AuditRow("2", "<i>", "Asta is taller than Bror.", "Is Asta taller than Asta ?", ENTAILMENT)
    report = audit_rows([row, plain])
    page = markdown_page(report, "a | <b>file</b>.jsonl")
    assert len(report.contradictions) >= 1
    for raw in ("<script>", "<b>", "<i>", "[a](", "*c*", "`x`", "\n# Heading"):
        assert raw not in page
    assert "&lt;script\\>" in page or "&lt;script&gt;" in page


def test_text_and_json_say_the_same(shifted: AuditReport) -> None:
    figures = summary(shifted)
    assert figures["families"][0]["verified"] == shifted.families[0].statuses["verified"]
    assert figures["lag_peak"] == {"rows at hand": -1, "inferred order": -1}
    assert figures["contradictions"] == len(shifted.contradictions)
    assert json.loads(json.dumps(figures)) == figures
    text = terminal_text(shifted)
    assert "The labels agree best at k = -1: they answer another row's question." in text
    assert "100.0% of" in text
    lines = [json.loads(line) for line in json_lines(shifted)]
    assert len(lines) == len(SHIFTED)
    for line, row in zip(lines, SHIFTED, strict=True):
        assert (line["question"], line["published"], line["truth"]) == (row["question"], row["answer"], row["right"])
        assert line["status"] == "verified"
        assert line["puzzle"]["fits"] is True
    proved = next(line for line in lines if line["truth"] == ENTAILMENT and len(line["premises"]) > 1)
    assert proved["proof"]
    assert proved["formula"]
    assert all(premise in proved["context"] for premise in proved["premises"])


def test_the_tables_fit_a_terminal(shifted: AuditReport) -> None:
    text = terminal_text(shifted)
    assert max(map(len, text.splitlines())) <= 120
    for said in ("- definite:", "- by chance:", "Checks of the solver itself", "the next question is at hand"):
        assert said in text


def test_a_long_puzzle_does_not_fill_the_page() -> None:
    text = "Asta is taller than Bror. " + "Asta is taller than Cleo. " * 200 + "Dag glorps " * 200 + "."
    plain = "Asta is taller than Bror. " + "Asta is taller than Cleo. " * 200
    question = "Is Asta taller than Asta ?"
    report = audit_rows([AuditRow(str(i), "a test", one, question, ENTAILMENT) for i, one in enumerate((text, plain))])
    assert len(report.contradictions) == 1
    assert len(markdown_page(report, "a test")) < 10_000
    assert json.loads(next(json_lines(report)))["context"] == text


def test_want_of_time_is_no_fault_of_the_solver() -> None:
    judged = judge_puzzle("Asta is taller than Bror. Cleo is shorter than Bror.", timeout=30)
    assert judged.chosen is not None
    assert [one.rows for one in check_puzzle(judged).passed] == [6, 6, 0]
    judged._budget.seconds = 1e-9
    assert judged.out_of_time
    assert check_puzzle(judged) == SelfChecks((Agreement(0, 0),) * 3)


def test_rows_without_labels_numbers_or_a_family() -> None:
    report = audit_rows(
        [
            AuditRow("1", "a test", "Asta is taller than Bror.", "Is Asta the tallest ?"),
            AuditRow("2", "a test", "The moon is made of cheese.", "Is it ?", ENTAILMENT),
        ]
    )
    heights, other = report.families
    assert (heights.three_way.rows, heights.three_way_chance) == (0, None)
    assert (other.family, other.puzzles_read, other.statuses["unread"]) == (None, 0, 1)
    assert summary(report)["families"][1]["family"] == "other"
    assert "No lag can be measured" in terminal_text(report)
    assert "1 contradictions" not in markdown_page(report, "a test")
    assert "No row has a published label" in markdown_page(audit_rows([report.rows[0].row]), "a test")
    assert "The puzzle is of no family" in next(
        json.loads(line)["reason"] for line in json_lines(report) if '"2"' in line
    )


def test_the_share_that_most_rows_state_counts() -> None:
    """Some rows at the border of two puzzles carry the other one's share."""
    data = [dict(row) for row in RIGHT[:6]]
    data[0]["ambiguity"] = 99.0
    report = audit_rows(rows_of(data))
    assert report.puzzles[0].stated_share == (25.0,)
    assert all(one.verdict.status == "verified" for one in report.rows)
    tied = [dict(row) for row in RIGHT[:2]]
    tied[0]["ambiguity"] = 99.0
    report = audit_rows(rows_of(tied))
    assert report.puzzles[0].stated_share == (99.0, 25.0)
    assert report.puzzles[0].fits


@pytest.fixture(scope="module")
def real(puzzte_dir: Path) -> AuditReport:
    """The audit of the real validation split."""
    path = puzzte_dir / "validation.jsonl"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    data = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [
        AuditRow(
            id=str(number),
            where="validation",
            context=row["puzzle_text"].strip(),
            question=row["question"].strip(),
            published=row["answer"],
            ambiguity=row["ambiguity"],
            qid=int(row["qid"]),
        )
        for number, row in enumerate(data)
    ]
    return audit_rows(rows, PUZZTE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "definite", "verified"), [("heights", 0.98, 0.97), ("knights", 0.92, 0.68), ("zebra", 0.85, 0.85)]
)
def test_the_real_rows_get_labels(real: AuditReport, family: str, definite: float, verified: float) -> None:
    figures = next(one for one in real.families if one.family == family)
    assert figures.definite >= definite * figures.rows
    assert figures.statuses["verified"] >= verified * figures.rows
    own = [one for one in real.rows if one.family == family]
    assert {one.verdict.status for one in own} <= set(STATUSES)
    for one in own:
        assert (one.verdict.truth in TRUTHS) == (one.verdict.status in ("verified", "unsure"))
        assert bool(one.verdict.reason) == (one.verdict.status != "verified")
        assert one.verdict.proof or one.verdict.truth in (None, UNKNOWN)


@pytest.mark.slow
def test_the_real_checksums_hold(real: AuditReport) -> None:
    heights = real.families[0]
    assert heights.family == "heights"
    assert heights.puzzles_fit >= 0.98 * heights.puzzles_read


@pytest.mark.slow
def test_the_real_labels_stand_one_row_too_low(real: AuditReport) -> None:
    assert peak(real.lags, "inferred order", ["heights"]) == -1
    best = total(real.lags, "inferred order", ["heights"], -1)
    assert best.rows > 400
    assert best.share is not None
    assert best.share >= 0.99
    at_hand = total(real.lags, "rows at hand", ["heights"], -1)
    assert at_hand.rows > 20
    assert at_hand.share is not None
    assert at_hand.share >= 0.95


@pytest.mark.slow
def test_the_real_rows_pass_every_check_of_ourselves(real: AuditReport) -> None:
    assert real.checks.failures == ()
    assert all(found.rows > 100 and found.agree == found.rows for found in real.checks.passed)
    for one in real.rows:
        if one.verdict.truth is not None:
            assert not one.reflexive or one.verdict.truth == CONTRADICTION
            assert not one.restates or one.verdict.truth == ENTAILMENT
