"""Strangers' words reach no terminal as orders, no spreadsheet as formulas, no page as markup, no paper as commands."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entailbench import hookimpl
from entailbench.report.csv_cells import cell
from entailbench.report.latex import escape
from entailbench.terminal import harmless
from hostile_words import (
    CONTROLS,
    FORMULA,
    MARKUP,
    WORDS,
    entailbench,
    hostile_rows,
    obeyed,
    write_models,
    write_rows,
)

ROOT = Path(__file__).parents[1]
ROWS = 24


@given(st.text(), st.sampled_from(WORDS), st.text())
def test_what_a_terminal_obeys_is_shown_instead(before: str, word: str, after: str) -> None:
    shown = harmless(before + word + after)
    assert not obeyed(shown)
    shown.encode("utf-8")
    assert harmless(shown) == shown


@given(st.text())
def test_json_stays_the_same_json(text: str) -> None:
    assert json.loads(harmless(json.dumps({text: text}, ensure_ascii=False))) == {text: text}


def test_what_people_write_stays_as_it_is() -> None:
    for text in ("Größe · 58.2 (52.1–64.0)", "a\n\tb", "👩‍🔬 naïve", "می‌خواهم", "עברית", "中文"):
        assert harmless(text) == text


@pytest.mark.parametrize("folder", ["entailbench", "adapters/entailbench_adapters", "tasks/entailbench_tasks"])
def test_everything_is_printed_through_one_function(folder: str) -> None:
    """``terminal.echo`` alone writes; ``print(…, file=…)`` and the pipes of our own processes are no terminals."""
    for path in (ROOT / folder).rglob("*.py"):
        if path.name in ("terminal.py", "schema.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                prints = called == "print" and not any(keyword.arg == "file" for keyword in node.keywords)
                assert not prints, f"{path}:{node.lineno}: use echo"
                wrong = ("click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write", "click.echo_via_pager")
                assert called not in wrong, f"{path}:{node.lineno}: use entailbench.terminal.echo"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a finished run over hostile rows."""
    workspace = tmp_path_factory.mktemp("hostile")
    write_rows(workspace / "rows", hostile_rows(ROWS))
    write_models(workspace, ROWS)
    done = entailbench(
        workspace,
        "run",
        "--models",
        "first,second",
        "--output",
        "out",
        ENTAILBENCH_GENERATED_DIR=str(workspace / "rows"),
    )
    assert done.returncode == 0, done.stderr
    assert not obeyed(done.stdout + done.stderr)
    return workspace


@pytest.mark.parametrize("shape", ["github", "latex", "csv", "json"])
def test_tables_of_hostile_rows(place: Path, shape: str) -> None:
    done = entailbench(place, "report", "out", "--format", shape)
    assert done.returncode == 0, done.stderr
    assert not obeyed(done.stdout + done.stderr)


def test_comparing_hostile_runs(place: Path) -> None:
    done = entailbench(place, "compare", "out", "out")
    assert not obeyed(done.stdout + done.stderr)


def test_no_file_of_a_run_gives_a_terminal_orders(place: Path) -> None:
    """``cat`` and ``less`` show them; the page alone is for browsers, which obey nothing of it."""
    files = [path for path in (place / "out").rglob("*") if path.is_file() and "lm_eval" not in path.parts]
    assert {"report.md", "report.csv", "report.tex", "report.json", "first.jsonl"} <= {path.name for path in files}
    for path in files:
        if path.suffix != ".html":
            assert not obeyed(path.read_bytes().decode("utf-8")), path


def test_what_was_answered_is_kept_unchanged(place: Path) -> None:
    lines = (place / "out/predictions/first.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    assert any(CONTROLS in text for text in texts)
    assert any(FORMULA in text for text in texts)


def test_file_names_and_arguments(tmp_path: Path) -> None:
    named = f"no{CONTROLS.replace(chr(0), '')}folder"
    for arguments in (
        ("report", named),
        ("compare", named),
        ("run", "--models", named),
        ("run", "--models", "base", "--tasks", named),
        ("run", "--config", named),
        ("models", "show", named),
        ("audit", "--file", f"{named}.jsonl"),
        ("export", named, "--format", "hf"),
        (named,),
        ("run", f"--{named}"),
        ("report", "x", "--format", named),
    ):
        done = entailbench(tmp_path, *arguments)
        assert done.returncode == 2, (arguments, done.stderr)
        assert "[2J" in done.stderr, arguments
        assert not obeyed(done.stdout + done.stderr), arguments


def test_names_in_a_configuration(tmp_path: Path) -> None:
    """TOML can spell every character, so a configuration from elsewhere can hold any."""
    escaped = json.dumps(CONTROLS.replace("\x7f", ""))
    escaped = re.sub(r"\\ud[89ab]..\\ud[c-f]..", "", escaped)  # TOML knows no surrogates
    (tmp_path / "entailbench.toml").write_text(
        f'[models.first]\nbackend = {escaped}\n[models.second]\nbackend = "hf"\npretrained = {escaped}\n'
        f'[models.third]\nbackend = "replay"\nanswers = {escaped}\n[models.{escaped}]\nbackend = "replay"\n'
    )
    for arguments in (("models",), ("models", "--json"), ("models", "show", "third"), ("run", "--models", "second")):
        done = entailbench(tmp_path, *arguments)
        assert "title" in done.stdout + done.stderr
        assert not obeyed(done.stdout + done.stderr), arguments


def test_auditing_hostile_rows(tmp_path: Path) -> None:
    rows = [{**row, "label": "entailment"} for row in hostile_rows(6)]
    (tmp_path / "mine.jsonl").write_text("\n".join(map(json.dumps, rows)))
    done = entailbench(tmp_path, "audit", "--file", "mine.jsonl")
    assert done.returncode == 0, done.stderr
    bar, told = re.subn(r"\rproving labels: [^\r\n]*", "", done.stderr)
    assert told
    assert not obeyed(done.stdout + bar)
    for name in ("audit.md", "audit.jsonl"):
        (path,) = tmp_path.rglob(name)
        assert not obeyed(path.read_text(encoding="utf-8")), name


def test_a_bug_whose_message_is_hostile(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys\nfrom entailbench import cli\n"
        f"def broken(*a, **k):\n    raise RuntimeError({CONTROLS!r})\n"
        "cli.create_plugin_manager = broken\ncli.main(['models'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    told = done.stderr.decode("utf-8")
    assert "Traceback" in told
    assert "RuntimeError: \\u001b[2J" in told
    assert not obeyed(told)


@pytest.mark.parametrize("beginning", [*"=+-@\t\r|%", "＝", "\n", " =", "\t=", "\u200b="])
def test_no_cell_of_text_is_a_formula(beginning: str) -> None:
    written = str(cell(f"{beginning}1+1"))
    assert not re.match(r"\s*[=+\-@|%＝＋－＠]", written)
    assert written.startswith(("'", "\\u"))


def test_numbers_stay_numbers() -> None:
    for value in (-0.5, -3, 0, 1e-9, True, None):
        assert cell(value) is value
    assert cell("cannot tell") == "cannot tell"
    assert cell("") == ""


def test_no_formula_in_the_table_of_a_run(place: Path) -> None:
    text = (place / "out/report.csv").read_text(encoding="utf-8")
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert any(FORMULA in one for line in found for one in line)
    for line in found[1:]:
        for one in line:
            assert not re.match(r"\s*[=+@|%]|\s*-(?![\d.])", one), one
    differences = [line for line in found if line[4].endswith("_difference")]
    assert differences
    assert all(float(line[7]) is not None for line in differences)


def test_the_page_holds_no_markup_of_theirs(place: Path) -> None:
    page = (place / "out/report.html").read_text(encoding="utf-8")
    assert MARKUP not in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert page.count("<script") == page.count("</script>")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]


def test_nor_does_markdown(place: Path) -> None:
    text = (place / "out/report.md").read_text(encoding="utf-8")
    plain = re.sub(r"`[^`\n]*`", "", text)  # in a code span nothing is markup
    assert not re.search(r"<(?=[A-Za-z/!?])", plain)
    assert "](javascript:" not in plain
    assert "![x](" not in plain


def test_nor_latex(place: Path) -> None:
    text = (place / "out/report.tex").read_text(encoding="utf-8")
    assert r"\input" not in text
    assert r"\write18" not in text
    assert escape(WORDS[3]).count(r"\textbackslash{}") == 2
    for word in WORDS:
        assert not re.search(r"\\(input|write|x)|(?<!\\)[%#&_]", escape(word))


def test_a_usage_error_whose_message_is_hostile(capsys: pytest.CaptureFixture[str]) -> None:
    """click quotes what it repeats itself; a command, of a plugin perhaps, may not."""
    import click

    from entailbench.cli import main
    from entailbench.plugins import create_plugin_manager

    class Theirs:
        @hookimpl
        def entailbench_commands(self, cli: click.Group) -> None:
            @cli.command("theirs")
            def command() -> None:
                raise click.UsageError(CONTROLS)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "entailbench.cli.create_plugin_manager",
            lambda **given: create_plugin_manager(environment={}, extra={"theirs": Theirs()}, **given),
        )
        with pytest.raises(SystemExit) as ended:
            main(["theirs"])
    from entailbench.cli import cli

    cli.commands.pop("theirs")
    told = capsys.readouterr()
    assert ended.value.code == 2
    assert "\\u001b]0;title" in told.err
    assert not obeyed(told.out + told.err)
