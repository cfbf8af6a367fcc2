"""The random generators of a process as part of a state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def capture() -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The generators of torch, CUDA, numpy and Python: as tensors, and what is not one as plain JSON."""
    import random

    import numpy as np
    import torch

    tensors = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["cuda"] = torch.cuda.get_rng_state()
    version, numbers, gauss = random.getstate()
    kind, keys, place, has_gauss, cached = np.random.get_state(legacy=True)
    tensors["numpy"] = torch.from_numpy(np.asarray(keys).astype(np.int64))
    return tensors, {
        "python": [version, list(numbers), gauss],
        "numpy": [str(kind), int(place), int(has_gauss), float(cached)],
    }


def restore(tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
    """Puts the generators back to what ``capture`` found."""
    import random

    import numpy as np
    import torch

    torch.set_rng_state(tensors["torch"])
    if "cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["cuda"])
    version, numbers, gauss = facts["python"]
    random.setstate((version, tuple(numbers), gauss))
    kind, place, has_gauss, cached = facts["numpy"]
    np.random.set_state((kind, tensors["numpy"].numpy().astype(np.uint32), place, has_gauss, cached))
