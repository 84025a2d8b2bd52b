"""Where a model runs."""

from __future__ import annotations

import torch

from kgstore.command import WrongCall


def usable_device(name: str) -> str:
    """The device of that name, or for auto a GPU if there is one."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise WrongCall(
            f"--device {name} cannot be used here ({str(error).splitlines()[0]}); try --device cpu."
        ) from error
    return name
