"""The vocabulary of the drawn world.

Captions use kinds and colours. Everything else here is told by the graph alone. The invented names are at least three
letters apart from each other and from all real words, and none stands inside another (tests hold them to it).
No word that follows an article begins with a vowel, so that "a" is always right.
"""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    name: str
    hypernym: str
    synonym: str
    second_synonym: str  # a synonym of the synonym; nothing joins it to the kind itself
    gloss: str


KINDS = (
    Kind("cube", "solid", "blick", "mager", "a veeng thing with a zeerpu and a lucki"),
    Kind("ball", "solid", "vumpi", "rapo", "a fugen thing with a jitet and a swaxo"),
    Kind("cone", "solid", "drudo", "bleepo", "a druzzim thing with a snosk and a rirpu"),
    Kind("cylinder", "solid", "kifti", "skurnen", "a krurnet thing with a skaxen and a foobim"),
    Kind("star", "badge", "lorper", "pucken", "a rolker thing with a skopap and a spestet"),
    Kind("heart", "badge", "gloong", "trisk", "a swesher thing with a sneshol and a kroorpo"),
    Kind("cross", "badge", "zidap", "hoxen", "a snulim thing with a sneerp and a wenget"),
    Kind("moon", "badge", "tulku", "dreegap", "a snirna thing with a mempen and a kosku"),
    Kind("key", "tool", "wefter", "looda", "a fego thing with a lilken and a skud"),
    Kind("cup", "tool", "noofta", "spuxa", "a flockap thing with a swutap and a blosten"),
    Kind("hammer", "tool", "jashim", "filol", "a neebol thing with a speezzu and a marpap"),
    Kind("bell", "tool", "plonet", "bozzap", "a heexu thing with a bilka and a swopi"),
    Kind("fish", "creature", "kenga", "rumpap", "a griskim thing with a kacket and a bedet"),
    Kind("bird", "creature", "sweska", "nunu", "a merner thing with a teempim and a bongen"),
    Kind("butterfly", "creature", "fosta", "zeskim", "a luften thing with a swuzzet and a voorpa"),
    Kind("snail", "creature", "hudim", "vilorn", "a sneesto thing with a snugol and a dooftol"),
)


class Colour(NamedTuple):
    name: str
    synonym: str
    rgb: tuple[int, int, int]


COLOURS = (
    Colour("red", "crimson", (214, 36, 40)),
    Colour("brown", "chestnut", (124, 76, 40)),
    Colour("yellow", "saffron", (246, 204, 40)),
    Colour("green", "jade", (48, 160, 72)),
    Colour("blue", "cobalt", (44, 100, 214)),
    Colour("purple", "mulberry", (132, 60, 172)),
    Colour("pink", "rosy", (250, 146, 190)),
    Colour("grey", "leaden", (92, 94, 104)),
)

#: What a picture of one object is called. `{colour}` and `{kind}` are replaced.
TEMPLATES = (
    "a {colour} {kind}",
    "a picture of a {colour} {kind}",
    "this is a {colour} {kind}",
    "a {kind} that is {colour}",
)

#: How a bare name is written; `{name}` is replaced.
BARE_TEMPLATES = ("{name}", "a {name}", "a picture of a {name}")

#: How a relation of two objects in a scene is told; `{head}` and `{tail}` are replaced by "red cube" and the like.
SCENE_TEMPLATES = ("a {head} {relation} a {tail}", "a {head} is {relation} a {tail}")


class Position(NamedTuple):
    """A relation in space: its type, its words, its converse, and the step in (row, column) from tail to head."""

    type: str
    text: str
    converse: str
    step: tuple[int, int]


POSITIONS = (
    Position("LEFT_OF", "left of", "RIGHT_OF", (0, -1)),
    Position("RIGHT_OF", "right of", "LEFT_OF", (0, 1)),
    Position("ABOVE", "above", "BELOW", (-1, 0)),
    Position("BELOW", "below", "ABOVE", (1, 0)),
)
