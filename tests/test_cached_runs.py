"""An answer comes from the cache exactly where the model would give it again; real tiny models, real servers."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cached_models import Runs, asked, few_rows, result, texts
from entailbench.answer_cache import FILE
from entailbench.plugins import create_plugin_manager
from entailbench.registry import load_registry
from entailbench.report.text import render
from entailbench.runner import RunConfig, run
from model_plugins import known_plugin
from servers import RecordingServer, Reply, Request, completion
from test_cli import Cli, mounted
from test_run import Quiet
from tiny_models import make_tiny_llama


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_rows(tmp_path_factory.mktemp("rows"))


@pytest.fixture
def runs(workspace: Path, home: Path, rows: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    monkeypatch.setenv("ENTAILBENCH_GENERATED_DIR", str(rows))
    return Runs(workspace, home)


def test_the_second_run_asks_nothing_and_says_so(runs: Runs, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.hf(tiny=tiny_llama)
    tasks = ("puzzte_generated", "puzzte_generated_mc")
    with asked(monkeypatch) as prompts:
        first = runs("tiny", tasks=tasks)
        assert len(prompts) == 12
        again = runs("tiny", tasks=tasks, output=Path("again"))
        assert len(prompts) == 12
        more = runs("tiny", tasks=tasks, limit=8)
        assert len(prompts) == 16
    assert texts(first) == texts(again) == texts(more)[:6]
    for before, after in zip(first.tasks, again.tasks, strict=True):
        assert before.models[0].answers == after.models[0].answers
    assert [result(one).cached for one in (first, again, more)] == [0, 6, 6]
    # What was not computed takes no time that could be told, and the rest is told apart.
    seconds = [result(one).seconds for one in (first, again, more)]
    assert (seconds[0] is not None, seconds[1], seconds[2] is not None) == (True, None, True)
    assert "6 of 8 answers came from the cache; the seconds are of the others" in render(more.report)
    assert "tiny: 6 of 6 answers came from the cache." in render(again.report)
    assert json.loads(render(again.report, "json"))["tasks"][0]["models"][0]["cached"] == 6
    assert "tiny: 12 of 16 answers from the cache" in runs.messages
    rows = [json.loads(line) for line in (runs.workspace / "again/predictions/tiny.jsonl").read_text().splitlines()]
    assert [row.get("cached") for row in rows] == [True] * 12
    described = json.loads((runs.workspace / "again/models/tiny.json").read_text())
    assert described["cached"] == dict.fromkeys(tasks, 6)


def test_without_the_cache_everything_is_asked(runs: Runs, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.hf(tiny=tiny_llama)
    with asked(monkeypatch) as prompts:
        runs("tiny", cache=False)
        assert not (runs.home / FILE).exists()
        runs("tiny", cache_dir=Path("mine"))
        assert (runs.workspace / "mine" / FILE).is_file()
        runs("tiny")
        assert len(prompts) == 18


def test_the_same_weights_elsewhere_hit_and_other_weights_at_the_same_place_do_not(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a cache by name or path gets wrong in both ways."""
    place, elsewhere = tmp_path / "model", tmp_path / "moved"
    make_tiny_llama(place, seed=1)
    shutil.copytree(place, elsewhere)
    runs.hf(first=place, moved=elsewhere)
    with asked(monkeypatch) as prompts:
        first = runs("first")
        moved = runs("moved")
        assert len(prompts) == 6
        assert (texts(moved), result(moved).cached) == (texts(first), 6)
        kept = (place / "model.safetensors").stat()
        make_tiny_llama(place, seed=2)
        # Not even the times of the file give it away.
        os.utime(place / "model.safetensors", ns=(kept.st_atime_ns, kept.st_mtime_ns))
        retrained = runs("first")
        assert len(prompts) == 12
    assert result(retrained).cached == 0
    assert texts(retrained) != texts(first)
    assert texts(retrained) == texts(runs("first", cache=False))


@pytest.mark.parametrize(
    ("key", "value"),
    [("dtype", '"bfloat16"'), ("truncate", '"left"'), ("template", None), ("end", None)],
)
def test_what_may_change_an_answer_is_another_model(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: str | None
) -> None:
    place = make_tiny_llama(tmp_path / "model", seed=1)
    runs.hf(tiny=place)
    runs("tiny")
    if value:
        (runs.workspace / "entailbench.toml").open("a").write(f"{key} = {value}\n")
    elif key == "template":
        template = next(path for path in place.iterdir() if path.name == "chat_template.jinja")
        template.write_text(template.read_text().replace("<|im_end|>", "<|im_end|>\n"))
    else:
        config = place / "generation_config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "eos_token_id": [2, 5]}))
    with asked(monkeypatch) as prompts:
        runs("tiny")
        assert len(prompts) == 6


def test_a_retrained_adapter_at_the_same_path_misses(
    runs: Runs, tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adapters.test_hf import make_adapter

    adapter = tmp_path / "adapter"
    make_adapter(adapter, tiny_llama, targets=("q_proj", "v_proj"), seed=1)
    text = f'[models.tuned]\nbackend = "hf"\npretrained = "{tiny_llama}"\nadapter = "{adapter}"\ndevice = "cpu"\n'
    runs.models(text)
    with asked(monkeypatch) as prompts:
        first = runs("tuned")
        shutil.rmtree(adapter)
        make_adapter(adapter, tiny_llama, targets=("q_proj", "v_proj"), seed=2)
        second = runs("tuned")
        assert len(prompts) == 12
    assert texts(first) != texts(second)


def test_a_model_that_nobody_can_tell_from_others_is_never_cached(runs: Runs, workspace: Path, home: Path) -> None:
    plugin = known_plugin()
    registry = load_registry(
        create_plugin_manager(environment={}, extra={"known": plugin}), workspace=workspace, home=home
    )
    for _ in range(2):
        observer = Quiet()
        run(RunConfig(models=("perfect",), limit=3), registry, observer)
        assert any("backend 'known' does not say what determines its answers" in line for line in observer.messages)
    assert all(model.decodings for model in plugin.backend.opened)
    with sqlite3.connect(home / FILE) as connection:
        assert connection.execute("SELECT count(*) FROM answers").fetchone() == (0,)


SAMPLED = """
include: {original}
task: drawn
metadata: {{version: 1, splits: [test], labels: proved}}
generation_kwargs: {{until: ["\\n\\n"], max_gen_toks: 8, do_sample: true, temperature: 1.0, seed: 5}}
"""


class TestApi:
    """Models of a server."""

    @pytest.fixture
    def api(self, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        monkeypatch.setenv("OPENAI_API_KEY", "any")

        def configure(server: RecordingServer, **options: Any) -> None:
            given = {"backend": "openai", "model": "m", "base_url": server.url, "max_retries": 0, **options}
            runs.models("[models.api]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in given.items()))

        return configure

    def test_a_server_is_asked_once(self, runs: Runs, api: Callable[..., None]) -> None:
        with RecordingServer(lambda request: "entailment") as server:
            api(server)
            first = runs("api")
            again = runs("api")
            assert len(server.requests) == 6
        assert result(first).title == result(again).title == f"api (recorded-1 at {server.url})"
        assert result(again).cached == 6
        assert result(first).usage is not None
        assert (result(first).usage.requests, result(again).usage.requests) == (6, 0)  # type: ignore[union-attr]

    @pytest.mark.parametrize("options", [{"model": "n"}, {"system": "Be brief."}, {"omit": ["seed"]}])
    def test_another_model_of_the_same_server(
        self, runs: Runs, api: Callable[..., None], options: dict[str, Any]
    ) -> None:
        with RecordingServer(lambda request: "entailment") as server:
            api(server)
            runs("api")
            api(server, **options)
            runs("api")
            assert len(server.requests) == 12

    def test_another_fingerprint_ends_what_was_known(self, runs: Runs, api: Callable[..., None]) -> None:
        """Known is what the server last said of itself: a row that it was never asked shows that it has changed."""
        fingerprint = "fp_a"

        def answer(request: Request) -> Reply:
            return Reply(body={**completion("entailment", "m-1"), "system_fingerprint": fingerprint})

        with RecordingServer(answer) as server:
            api(server)
            runs("api")
            assert result(runs("api")).cached == 6
            fingerprint = "fp_b"
            assert result(runs("api", limit=7)).cached == 6
            after = runs("api", limit=7)
            assert result(after).cached == 1
            assert result(runs("api", limit=7)).cached == 7
        assert after.report.identities["api"].details["system_fingerprint"] == "fp_b"

    def test_errors_are_not_kept_and_refusals_are(self, runs: Runs, api: Callable[..., None]) -> None:
        broken = True

        def answer(request: Request) -> Any:
            if broken and len(server.requests) % 2:
                return Reply.error(500, "out of order")
            return Reply(body=completion(None, "m-1", refusal="I would rather not."))

        with RecordingServer(answer) as server:
            api(server, concurrency=1)
            first = runs("api")
            assert (result(first).errors, result(first).refused) == (3, 3)
            broken = False
            second = runs("api")
        assert (result(second).errors, result(second).refused, result(second).cached) == (0, 6, 3)

    def test_what_is_drawn_is_kept_only_with_its_seed(
        self, runs: Runs, api: Callable[..., None], tmp_path: Path
    ) -> None:
        tasks = tmp_path / "tasks"
        tasks.mkdir()
        import entailbench_tasks

        original = Path(entailbench_tasks.__file__).parent / "puzzte_generated.yaml"
        (tasks / "drawn.yaml").write_text(SAMPLED.format(original=original))
        plugin = type("Plugin", (), {})()
        from entailbench import hookimpl

        plugin.entailbench_task_paths = hookimpl(lambda: [tasks])

        def drawn() -> int | None:
            registry = load_registry(
                create_plugin_manager(environment={}, extra={"drawn": plugin}),
                workspace=runs.workspace,
                home=runs.home,
            )
            return result(run(RunConfig(models=("api",), tasks=("drawn",), limit=4), registry, Quiet())).cached

        with RecordingServer(lambda request: "entailment") as server:
            api(server)
            assert [drawn(), drawn()] == [0, 4]
            assert {request.body["temperature"] for request in server.requests} == {1.0}
            api(server, omit=["seed"])
            assert [drawn(), drawn()] == [0, 0]


@pytest.fixture
def cli(workspace: Path, home: Path) -> Cli:
    return Cli(workspace, home)


def test_the_command_line(cli: Cli, runs: Runs, tiny_llama: Path, home: Path) -> None:
    runs.hf(tiny=tiny_llama)
    assert cli("cache", "info").stdout == f"{home / FILE}: nothing is cached\n"
    assert "there is no cache" in cli("cache", "verify").stderr
    runs("tiny")
    info = cli("cache", "info")
    assert f"{home / FILE}: 6 answers of 1 model," in info.stdout
    assert "  6 of tiny: backend hf, dtype float32, device cpu, weights sha256:" in info.stdout
    assert json.loads(cli("cache", "info", "--json").stdout)["models"][0]["answers"] == 6
    assert cli("cache", "verify").stdout == f"{home / FILE}: 6 answers, all as they were written\n"
    with sqlite3.connect(home / FILE) as connection:
        connection.execute("UPDATE answers SET answer = replace(answer, 'answered', 'refused')")
    done = cli("cache", "verify")
    assert done.returncode == 1
    assert "6 answers are not what was written" in done.stderr
    again = runs("tiny")
    assert result(again).cached == 0
    assert any("has answers that are damaged" in line for line in runs.messages)
    assert cli("cache", "verify").returncode == 0
    assert cli("cache", "clear").returncode != 0  # nobody said yes
    assert cli("cache", "clear", "--yes").stdout == f"{home / FILE}: 6 answers forgotten\n"
    assert f"{home / FILE}: 0 answers" in cli("cache", "info").stdout
    refused = cli("run", "--cache", "x", "--no-cache", "--models", "tiny")
    assert (refused.returncode, "contradict" in refused.stderr) == (2, True)


def test_a_damaged_file_is_named_and_the_run_goes_on(runs: Runs, cli: Cli, tiny_llama: Path, home: Path) -> None:
    runs.hf(tiny=tiny_llama)
    first = runs("tiny")
    for content in (b"no database at all" * 100, (home / FILE).read_bytes()[:5000] + b"\xff" * 20_000):
        (home / FILE).write_bytes(content)
        for ending in ("-wal", "-shm"):
            (home / f"{FILE}{ending}").unlink(missing_ok=True)
        assert texts(runs("tiny")) == texts(first)
        (told,) = runs.about_the_file
        assert str(home / FILE) in told
        assert "is damaged" in told
        assert "`entailbench cache clear` begins a new one; this run goes on without it" in told
        done = cli("cache", "verify")
        assert (done.returncode, str(home / FILE) in done.stderr) == (1, True)
        assert cli("cache", "clear", "--yes").returncode == 0
        runs("tiny")
        assert result(runs("tiny")).cached == 6


def test_a_cache_that_cannot_be_written_is_read(runs: Runs, tiny_llama: Path, tmp_path: Path) -> None:
    runs.hf(tiny=tiny_llama)
    with mounted(tmp_path / "cache", "size=4m") as folder:
        runs("tiny", cache_dir=folder)
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        again = runs("tiny", limit=7, cache_dir=folder)
    assert (result(again).cached, result(again).rows) == (6, 7)
    (told,) = runs.about_the_file
    assert "cannot be written" in told
    assert "it is read, and new answers are not kept" in told


@pytest.mark.parametrize("filled", ["before the first answer", "later"])
def test_a_full_disk_stops_the_cache_and_not_the_run(runs: Runs, tiny_llama: Path, tmp_path: Path, filled: str) -> None:
    runs.hf(tiny=tiny_llama)
    with mounted(tmp_path / "cache", "size=2m") as folder:
        if filled == "later":
            runs("tiny", limit=1, cache_dir=folder)
        with (folder / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while ballast.write(b"x" * 4096):
                pass
        outcome = runs("tiny", limit=40, cache_dir=folder)
        assert result(outcome).rows == 40
        (told,) = runs.about_the_file
        assert "cannot be" in told
        (folder / "ballast").unlink()
        again = runs("tiny", limit=40, cache_dir=folder)
        assert not runs.about_the_file
        assert result(runs("tiny", limit=40, cache_dir=folder)).cached == 40
    assert texts(again) == texts(outcome)


def test_lm_evals_cache_serves_one_models_answers_as_anothers_and_ours_does_not(runs: Runs, tmp_path: Path) -> None:
    """lm-eval keys ``--use_cache`` by the request alone (its issues 2715 and 4063)."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    import entailbench_tasks
    from entailbench.harness import quiet_lm_eval

    one, other = make_tiny_llama(tmp_path / "one", seed=1), make_tiny_llama(tmp_path / "other", seed=2)
    manager = TaskManager(include_path=str(Path(entailbench_tasks.__file__).parent), include_defaults=False)

    def theirs(model: Path, use_cache: str | None) -> list[str]:
        with quiet_lm_eval():
            found = simple_evaluate(
                model="hf",
                model_args=f"pretrained={model}",
                tasks=["puzzte_generated"],
                device="cpu",
                limit=6,
                use_cache=use_cache,
                apply_chat_template=True,
                bootstrap_iters=0,
                task_manager=manager,
            )
        rows = sorted(found["samples"]["puzzte_generated"], key=lambda row: row["doc_id"])
        return [row["resps"][0][0] for row in rows]

    cache = str(tmp_path / "lm-eval-cache")
    its_one, its_other, truth = theirs(one, cache), theirs(other, cache), theirs(other, None)
    assert its_other == its_one != truth
    runs.hf(one=one, other=other)
    ours_one, ours_other = texts(runs("one")), texts(runs("other"))
    assert (ours_one, ours_other) == (its_one, truth)
    both = runs("one", "other")
    assert [result(both, number).cached for number in (0, 1)] == [6, 6]
    assert [texts(both, number) for number in (0, 1)] == [its_one, truth]
