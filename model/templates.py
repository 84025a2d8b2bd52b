"""Sentences that name a class, for zero-shot classification: CLIP's ensembles, or one's own.

A template has one place {} for the name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kgstore.command import WrongCall

#: What CLIP's authors found to do nearly as well on ImageNet as all of their 80, and far cheaper.
SEVEN = (
    "itap of a {}.",
    "a bad photo of the {}.",
    "a origami {}.",
    "a photo of the large {}.",
    "a {} in a video game.",
    "art of the {}.",
    "a photo of the small {}.",
)

NAMED = {"clip-7": SEVEN, "photo": ("a photo of a {}.",), "article": ("a {}",), "name": ("{}",)}

#: The ensemble of CLIP's published ImageNet figures.
EIGHTY = "clip-80"

HELP = f"sentences for classes: {', '.join([*NAMED, EIGHTY])}, or a file with one a line and {{}} for the name"


def templates_of(name: str) -> tuple[str, ...]:
    """By the name of an ensemble, or from a file. Raises WrongCall."""
    if name in NAMED:
        return NAMED[name]
    if name == EIGHTY:
        import open_clip  # here because it takes seconds, and is asked for seldom

        return tuple(template("{}") for template in open_clip.OPENAI_IMAGENET_TEMPLATES)
    try:
        lines = [line.strip() for line in Path(name).read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise WrongCall(
            f"--templates {name!r} is neither an ensemble ({', '.join([*NAMED, EIGHTY])}) nor a file: {error}."
        ) from error
    found = tuple(line for line in lines if line)
    if not found or any(line.count("{}") != 1 for line in found):
        raise WrongCall(f"--templates {name} needs a sentence a line, each with one {{}} for the name of a class.")
    return found


def sentences(templates: Sequence[str], names: Sequence[str]) -> list[str]:
    """All templates of the first name, then of the second, and so on."""
    return [template.replace("{}", name) for name in names for template in templates]
