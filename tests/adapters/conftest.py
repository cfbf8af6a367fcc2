"""What tests of backends share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from entailbench import Limits, Model, OpenContext
from faulty_api import Api
from faulty_rows import KEY, Open


@pytest.fixture
def opened(context: Callable[..., OpenContext], monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens models of the ``openai`` backend at a server that goes wrong, or at a URL, and closes them in the end."""
    from entailbench_adapters.openai import OpenaiBackend, OpenaiOptions

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    models: list[Model] = []

    def make(api: Api | str, *, limits: Limits | None = None, notify: Any = print, **options: Any) -> Model:
        url = api if isinstance(api, str) else api.url
        given = {"model": "m", "base_url": url, "timeout": 5.0, "max_retries": 2, "backoff": 0.02, **options}
        around = context(limits=limits or Limits(max_errors=10**6), notify=notify)
        models.append(OpenaiBackend().open(OpenaiOptions(**given), around))
        return models[-1]

    yield make
    for model in models:
        model.close()
