"""``entailbench report``: a finished run shown again, from its answers alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from entailbench.cli import cli
from entailbench.plugins import create_plugin_manager
from model_plugins import known_plugin

Invoke = Callable[..., Result]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two models on 40 rows."""
    folder = tmp_path_factory.mktemp("report")
    done = invoke(
        *("run", "--models", "perfect,always-yes", "--tasks", "puzzte_generated", "--limit", "40"),
        *("--output", str(folder / "out")),
    )
    assert done.exit_code == 0, done.output
    return folder / "out"


@pytest.fixture(autouse=True, scope="module")
def no_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENTAILBENCH_HOME", str(tmp_path_factory.mktemp("home") / "home"))
        patch.chdir(tmp_path_factory.mktemp("here"))
        yield


def invoke(*arguments: str) -> Result:
    plugins = create_plugin_manager(environment={}, extra={"known": known_plugin()})
    return CliRunner().invoke(cli, arguments, obj=plugins, catch_exceptions=False)


def test_the_page_is_written_again_as_the_run_wrote_it(finished: Path) -> None:
    page = finished / "report.html"
    before = page.read_bytes()
    page.unlink()
    done = invoke("report", str(finished))
    assert done.stdout == f"{page}\n"
    assert "perfect beats always-yes by 50.0 points of balanced accuracy" in done.stderr
    assert page.read_bytes() == before


@pytest.mark.parametrize(("chosen", "file"), [("json", "report.json"), ("csv", "report.csv"), ("latex", "report.tex")])
def test_other_formats_go_to_standard_output_as_the_run_wrote_them(finished: Path, chosen: str, file: str) -> None:
    done = invoke("report", str(finished), "--format", chosen)
    assert done.stdout == (finished / file).read_text(encoding="utf-8")
    assert done.stderr == ""


def test_output_names_the_file(finished: Path, tmp_path: Path) -> None:
    done = invoke("report", str(finished), "--format", "json", "--output", str(tmp_path / "x.json"))
    assert done.stdout == f"{tmp_path / 'x.json'}\n"
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))["tasks"][0]["rows"] == 40
    done = invoke("report", str(finished), "--output", str(tmp_path / "x.html"))
    assert (tmp_path / "x.html").read_bytes() == (finished / "report.html").read_bytes()


def test_open_shows_the_page(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(click, "launch", lambda url: shown.append(url) or 0)
    invoke("report", str(finished), "--open")
    assert shown == [(finished / "report.html").as_uri()]
    monkeypatch.setattr(click, "launch", lambda url: 3)
    done = invoke("report", str(finished), "--open")
    assert done.exit_code == 0
    assert "no browser could be started" in done.stderr


def test_with_reported_adds_the_study(finished: Path) -> None:
    plain = invoke("report", str(finished), "--format", "github").stdout
    told = invoke("report", str(finished), "--format", "github", "--with-reported").stdout
    assert "63.8" in told
    assert "not measured here" in told
    assert "not measured here" not in plain
    invoke("report", str(finished), "--with-reported", "--output", "with.html")
    page = Path("with.html").read_text(encoding="utf-8")
    assert "63.8" in page
    assert "not measured here" in page


def test_what_cannot_be_shown_is_said_in_one_sentence(finished: Path, tmp_path: Path) -> None:
    from entailbench.errors import UsageError

    with pytest.raises(UsageError, match="--open shows the page, and --format csv makes none"):
        invoke("report", str(finished), "--open", "--format", "csv")
    with pytest.raises(UsageError, match="is no run directory: it does not exist"):
        invoke("report", str(tmp_path / "nothing"))
    with pytest.raises(UsageError, match=r"no run directory: it has no config\.json"):
        invoke("report", str(tmp_path))
