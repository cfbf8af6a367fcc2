"""What other libraries raise, as one or two lines that say what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from entailbench import ModelError, redact


def first_line(error: BaseException) -> str:
    """The first line of the error's message that says something, or else its type."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def raise_first(problems: Iterable[str]) -> None:
    """Raises the first of ``problems`` as a ``ModelError``; passes when there is none."""
    for problem in problems:
        raise ModelError(problem)


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turns what transformers, the hub and the file system raise into one or two lines that say what to do."""
    from huggingface_hub import errors as hub
    from huggingface_hub import get_token
    from safetensors import SafetensorError

    try:
        yield
    except hub.GatedRepoError as error:
        raise ModelError(f"{doing}: access is restricted; accept its terms on the hub and set HF_TOKEN") from error
    except hub.RepositoryNotFoundError as error:
        raise ModelError(
            f"{doing}: no such repository, or a private one (then set HF_TOKEN); "
            "if a directory was meant, it does not exist"
        ) from error
    except hub.RevisionNotFoundError as error:
        raise ModelError(f"{doing}: it has no such revision") from error
    except (hub.LocalEntryNotFoundError, hub.OfflineModeIsEnabled) as error:
        raise ModelError(
            f"{doing}: it is not in the local cache and the hub cannot be reached; "
            "check the network (and HF_HUB_OFFLINE), or set pretrained to a local directory"
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        runs_code = "trust_remote_code" in str(error)
        hint = (
            "; it wants to run code of its own: set trust_remote_code = true only if you trust it" if runs_code else ""
        )
        # A server's words may repeat the token that it was sent.
        said = redact(first_line(error), [get_token() or ""])
        raise ModelError(f"{doing}: {said}{hint}") from error
