"""Prompts longer than a model's context: error rows with their length, or cut at the left where that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litgpt")

from entailbench import Answer, CandidateScores, Decoding, Limits, Message, Model, OpenContext, Prompt, RowErrorsError
from entailbench_adapters.hf import HfBackend
from entailbench_adapters.hf_weights import HfOptions
from entailbench_adapters.litgpt import LitgptBackend, LitgptOptions
from tiny_litgpt import make_litgpt_base, make_lora_checkpoint, resolved
from tiny_models import VOCABULARY, make_tiny_llama, make_tiny_tokenizer

CONTEXT = 128
WRITTEN = 6
SHORT = ("Alice is taller than Bob.", "The cat sat on the mat.", "7", "Every knight tells the truth.")
LONG = "0 1 2 3 4 5 6 7 8 9 " * 12 + "Is Carol taller than Alice?"
CANDIDATES = ("entailment", "not entailment")

Open = Callable[..., Model]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``llama``, ``lora`` over it, and ``bloom``, which our engine cannot take, each for ``CONTEXT`` tokens."""
    import torch
    from transformers import AutoModelForCausalLM, BloomConfig

    folder = tmp_path_factory.mktemp("short")
    base = make_litgpt_base(make_tiny_llama(folder / "llama", context=CONTEXT), folder / "litgpt")
    make_lora_checkpoint(base, folder / "lora", ("query", "value"))
    tokenizer = make_tiny_tokenizer()
    tokenizer.model_max_length = CONTEXT
    torch.manual_seed(0)
    bloom = AutoModelForCausalLM.from_config(
        BloomConfig(vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=4, eos_token_id=tokenizer.eos_token_id)
    )
    with torch.no_grad():
        for weight in bloom.parameters():
            if weight.ndim == 2:
                weight.normal_(std=0.3)
    bloom.save_pretrained(folder / "bloom")
    tokenizer.save_pretrained(folder / "bloom")
    return folder


@pytest.fixture(params=["hf", "litgpt", "plain transformers"])
def opened(request: pytest.FixtureRequest, made: Path, context: Callable[..., OpenContext]) -> Open:
    """Opens a model of each backend, and one that goes through plain transformers batches."""

    def make(max_errors: int = 0, **options: Any) -> Model:
        around = context(limits=Limits(max_errors))
        if request.param == "litgpt":
            base = resolved(HfBackend(), HfOptions(str(made / "llama"), device="cpu"), around)
            given = LitgptOptions(checkpoint=str(made / "lora"), **options)
            return LitgptBackend().open(given, replace(around, base=base))
        name = "llama" if request.param == "hf" else "bloom"
        return HfBackend().open(HfOptions(str(made / name), device="cpu", **options), around)

    def checked(*arguments: Any, **options: Any) -> Model:
        model = make(*arguments, **options)
        list(model.generate([prompt(model, "7")], Decoding(1)))
        expected = "transformers (" if request.param == "plain transformers" else "entailbench"
        assert model.identity.details["engine"].startswith(expected)
        return model

    return checked


def prompt(model: Model, text: str, name: str = "t/0") -> Prompt:
    return Prompt(name, "t", 0, (), model.render([Message("user", text)]))


def prompts(model: Model, texts: Sequence[str]) -> list[Prompt]:
    return [prompt(model, text, f"t/{number}") for number, text in enumerate(texts)]


def length(model: Any, asked: Prompt) -> int:
    return len(model._tokenizer.encode(asked.text, add_special_tokens=False))


def written(model: Model, asked: Sequence[Prompt], tokens: int = WRITTEN) -> dict[str, Answer]:
    return {answer.prompt_id: answer for answer in model.generate(asked, Decoding(tokens))}


def scored(model: Model, asked: Sequence[Prompt], candidates: Sequence[str] = CANDIDATES) -> dict[str, Any]:
    return {scores.prompt_id: scores for scores in model.score(asked, [candidates] * len(asked))}


def test_the_row_is_an_error_and_the_others_are_answered_as_if_alone(opened: Open) -> None:
    model = opened(max_errors=1)
    asked = prompts(model, (*SHORT[:2], LONG, *SHORT[2:]))
    rest = [each for each in asked if each.id != "t/2"]
    other = opened()
    found = written(model, asked)
    assert found.pop("t/2") == Answer(
        "t/2",
        "",
        "error",
        f"the prompt has {length(model, asked[2])} tokens; with {WRITTEN} to be generated that exceeds the model's "
        f"context of {CONTEXT} tokens; --truncate left would cut it",
    )
    assert found == {each.id: written(other, [each])[each.id] for each in rest}
    assert len({answer.text for answer in found.values()}) > 1
    assert {answer.outcome for answer in found.values()} == {"answered"}


def test_the_same_where_candidates_are_scored(opened: Open) -> None:
    model = opened(max_errors=1)
    asked = prompts(model, (LONG, *SHORT))
    found = scored(model, asked)
    error = found.pop("t/0")
    assert isinstance(error, Answer)
    assert (error.outcome, error.text) == ("error", "")
    # The line end behind the prompt is scored with the candidate.
    assert f"the prompt has {length(model, asked[0]) - 1} tokens; with" in error.reason
    assert f"of a candidate that exceeds the model's context of {CONTEXT} tokens" in error.reason
    other = opened()
    assert set(found) == {each.id for each in asked[1:]}
    for each in asked[1:]:
        alone = scored(other, [each])[each.id]
        assert isinstance(alone, CandidateScores)
        assert found[each.id].logprobs == pytest.approx(alone.logprobs, abs=1e-4)


def test_what_just_fits_is_answered(opened: Open) -> None:
    model = opened(max_errors=10)
    (asked,) = prompts(model, SHORT[:1])
    room = CONTEXT - length(model, asked)
    assert written(model, [asked], room)["t/0"].outcome == "answered"
    assert written(model, [asked], room + 1)["t/0"].outcome == "error"
    # A candidate's last token is not read, and the prompt's line end is the first that is scored.
    candidate = "7" * room
    tokens = len(model._tokenizer.encode(asked.text + candidate))  # type: ignore[attr-defined]
    assert tokens == CONTEXT
    assert isinstance(scored(model, [asked], [candidate + "7"])["t/0"], CandidateScores)
    assert isinstance(scored(model, [asked], [candidate + "77"])["t/0"], Answer)
    # One candidate that does not fit leaves nothing to choose from.
    assert isinstance(scored(model, [asked], ["yes", candidate + "77"])["t/0"], Answer)


@pytest.mark.parametrize("scoring", [False, True])
def test_more_than_allowed_end_it_before_anything_is_computed(opened: Open, scoring: bool) -> None:
    model = opened(max_errors=2)
    asked = prompts(model, (LONG, *SHORT, LONG, LONG))
    came: list[Any] = []
    ask: Callable[[list[Prompt]], Any] = (
        (lambda some: model.score(some, [CANDIDATES] * len(some)))
        if scoring
        else (lambda some: model.generate(some, Decoding(WRITTEN)))
    )
    with pytest.raises(RowErrorsError, match=r"model: 3 rows .* --max-errors allows 2.*row 't/6': the prompt has \d+"):
        came.extend(ask(asked))
    # Those that were wrong are told all the same.
    assert [(answer.prompt_id, answer.outcome) for answer in came] == [(f"t/{n}", "error") for n in (0, 5, 6)]
    # They are counted over all that the model is asked.
    model = opened(max_errors=2)
    list(ask(asked[:2]))
    list(ask(asked[4:6]))
    with pytest.raises(RowErrorsError):
        list(ask(asked[6:]))


def test_one_where_none_is_allowed_is_named(opened: Open) -> None:
    model = opened()
    with pytest.raises(RowErrorsError, match=r"^row 't/1': the prompt has \d+ tokens.*--truncate left.*--max-errors N"):
        written(model, prompts(model, ("7", LONG)))


def test_cut_at_the_left(opened: Open) -> None:
    import torch

    model: Any = opened(truncate="left")
    assert model.identity.details["truncate"] == "left"
    asked = prompts(model, (SHORT[0], LONG))
    found = written(model, asked)
    ids = model._tokenizer.encode(asked[1].text)
    assert found["t/0"].cut == 0
    assert found["t/1"].cut == len(ids) + WRITTEN - CONTEXT > 0
    row = ids[found["t/1"].cut :]
    with model._base.using(model._adapter) as network, torch.inference_mode():
        for _ in range(WRITTEN):
            row.append(int(network(torch.tensor([row])).logits[0, -1].argmax()))
    assert found["t/1"].text == model._tokenizer.decode(row[-WRITTEN:], skip_special_tokens=True)
    # All candidates are scored behind the same text: the longest one decides what is left out.
    candidates = ("7", "7 " * 30)
    scores = scored(model, asked, candidates)
    begin = model._tokenizer.encode(asked[1].text.rstrip())
    ends = [model._tokenizer.encode(asked[1].text + text)[len(begin) :] for text in candidates]
    cut = len(begin) + len(ends[1]) - 1 - CONTEXT
    assert (scores["t/0"].cut, scores["t/1"].cut) == (0, cut)
    for end, logprob in zip(ends, scores["t/1"].logprobs, strict=True):
        row = torch.tensor([begin[cut:] + end])
        with model._base.using(model._adapter) as network, torch.inference_mode():
            logits = network(row).logits[0, -len(end) - 1 : -1].log_softmax(-1)
        assert logprob == pytest.approx(float(logits.gather(1, row[0, -len(end) :, None]).sum()), abs=2e-3)


def test_cutting_cannot_make_room_for_an_answer_longer_than_the_context(opened: Open) -> None:
    model = opened(max_errors=1, truncate="left")
    (answer,) = model.generate(prompts(model, SHORT[:1]), Decoding(CONTEXT))
    assert answer.outcome == "error"
    assert "would cut" not in answer.reason


def test_other_rows_that_cannot_be_read(opened: Open) -> None:
    model: Any = opened(max_errors=10)
    model._tokenizer.add_tokens([f"entirely-new-{number}" for number in range(VOCABULARY)])
    last = f"entirely-new-{VOCABULARY - 1}"
    strange, nothing, fine = (
        Prompt("a", "t", 0, (), f"x {last} y"),
        Prompt("b", "t", 0, (), ""),
        prompt(model, "7", "c"),
    )
    number = model._tokenizer.convert_tokens_to_ids(last)
    known = f"has the token '{last}', number {number}, but the embedding has {VOCABULARY} rows"
    found = written(model, [strange, nothing, fine])
    assert known in found["a"].reason
    assert found["b"].reason == "the prompt has no tokens"
    assert found["c"].outcome == "answered"
    scores = {
        each.prompt_id: each
        for each in model.score(
            [strange, fine, replace(fine, id="d"), replace(fine, id="e", text="no line end")],
            [["yes"], ["yes", f" {last}"], ["yes"], ["yes", ""]],
        )
    }
    assert known in scores["a"].reason
    assert known in scores["c"].reason
    assert isinstance(scores["d"], CandidateScores)
    assert scores["e"].reason == "the candidate '' adds no token to the prompt"
