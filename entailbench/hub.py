"""Uploads an export to a model hub with ``huggingface_hub``; what can be known is checked before the export's work."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from entailbench.bounded import read_json
from entailbench.errors import RunError, first_line

__all__ = ["push", "push_problems", "without_local_base"]

LOGIN = "set HF_TOKEN, or log in with `hf auth login`"


def push_problems(repository: str) -> Iterator[str]:
    """Why ``repository`` cannot be pushed to, as far as the hub tells without writing to it; one sentence each.

    The token comes from ``HF_TOKEN`` or the hub's own login, and from nowhere else.
    """
    try:
        from huggingface_hub import HfApi, constants, get_token
        from huggingface_hub.errors import HFValidationError
        from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # no __all__ in that package
    except ImportError:
        yield "--push needs a package that is not installed: pip install huggingface_hub"
        return
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        yield f"--push {repository!r} is no repository name: {first_line(error)}"
        return
    namespace, slash, _ = repository.partition("/")
    if not slash:
        yield f"--push {repository!r}: name the account as well, ORG/REPO"
        return
    if constants.HF_HUB_OFFLINE:
        yield "--push cannot reach the hub: HF_HUB_OFFLINE is set"
        return
    token = get_token()
    if not token:
        yield f"--push needs a token: {LOGIN}"
        return
    api = HfApi(token=token)
    try:
        account = api.whoami()
    except Exception as error:
        # Whatever the client library raises between here and the hub, the sentence is for the user.
        yield f"--push: {_reason(error, api.endpoint, token)}"
        return
    name = str(account.get("name"))
    writable = [name, *(str(organization.get("name")) for organization in account.get("orgs") or ())]
    auth = account.get("auth")
    access = auth.get("accessToken") if isinstance(auth, dict) else None
    role = access.get("role") if isinstance(access, dict) else None
    if role == "read":
        yield f"--push: the token of {name!r} can only read; make one that can write, then {LOGIN}"
    elif namespace not in writable:
        yield f"--push {repository}: the token of {name!r} may not write to {namespace!r}, but to {', '.join(writable)}"


def push(folder: Path, repository: str, *, private: bool) -> str:
    """Makes the repository unless it is there, uploads ``folder`` as one commit, and returns its address.

    Args:
        folder: what to upload; it is kept, whatever happens.
        repository: ``org/name``.
        private: whether a new repository is private; one that exists stays as it is.

    Raises:
        RunError: the hub refused or could not be reached.
    """
    from huggingface_hub import HfApi, get_token

    token = get_token() or ""
    api = HfApi(token=token or None)
    try:
        with _quiet():
            address = api.create_repo(repository, private=private, exist_ok=True, repo_type="model")
            api.upload_folder(
                repo_id=repository, folder_path=folder, repo_type="model", commit_message="Export from entailbench"
            )
    except Exception as error:
        raise RunError(
            f"cannot push to {repository}: {_reason(error, api.endpoint, token)}; the export is kept in {folder}: "
            f"`hf upload {repository} {folder}` tries again"
        ) from error
    return str(address)


def without_local_base(folder: Path) -> None:
    """Takes a local path out of PEFT's ``adapter_config.json``: to whoever downloads it, it means nothing."""
    path = folder / "adapter_config.json"
    if not path.is_file():
        return
    config = read_json(path)
    base = config.get("base_model_name_or_path")
    if isinstance(base, str) and Path(base).expanduser().is_absolute():
        config["base_model_name_or_path"] = None
        path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without bars of others on standard error: one line before and one after say what happens."""
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # no __all__ in that package
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _reason(error: Exception, endpoint: str, token: str) -> str:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if status == 401:
        text = f"{endpoint} does not know the token; {LOGIN}"
    elif status == 403:
        text = f"{endpoint} forbids it: {_server_says(error)}"
    elif status is not None:
        text = f"{endpoint} answered {status}: {_server_says(error)}"
    else:
        text = f"{endpoint} cannot be reached ({type(error).__name__}: {first_line(error)})"
    if token:
        text = text.replace(token, "…")
    return text


def _server_says(error: Exception) -> str:
    said = getattr(error, "server_message", None) or first_line(error)
    return " ".join(str(said).split())[:300]
