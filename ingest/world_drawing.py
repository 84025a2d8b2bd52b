"""How an object of the drawn world looks: shapes of polygons, drawn four times too large and reduced.

A picture is a pure function of its random generator, so a world is the same, byte for byte, for the same seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

#: Pixels of a side of one object's cell, and how much larger it is drawn before it is reduced.
CELL = 32
FINER = 4

Points = np.ndarray  # float64 [points, 2], x to the right and y down, the shape within [-1, 1]


class Layer(NamedTuple):
    """A polygon in the object's colour times `tone`: 1 as it is, less is darker, more is lighter, HOLE cuts through."""

    tone: float
    points: Points


HOLE = 0.0


def _polygon(corners: str) -> Points:
    """Corners as "x,y x,y ..."."""
    return np.array([corner.split(",") for corner in corners.split()], dtype=np.float64)


def _ellipse(x: float, y: float, width: float, height: float, start: float = 0, end: float = 360) -> Points:
    angle = np.radians(np.linspace(start, end, 40))
    return np.stack([x + width * np.cos(angle), y + height * np.sin(angle)], axis=1)


def _mirrored(points: Points) -> Points:
    return points * (-1, 1)


def _star() -> Points:
    angle = np.radians(np.arange(10) * 36 - 90)
    radius = np.where(np.arange(10) % 2 == 0, 1.0, 0.42)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _moon() -> Points:
    outer = _ellipse(0, 0, 0.98, 0.98, 40, 320)
    inner = _ellipse(0.46, 0, 0.72, 0.76, 303, 57)
    return np.concatenate([outer, inner])


def _spiral(x: float, turns: float, radius: float, thickness: float) -> Points:
    angle = np.linspace(0, turns * 2 * np.pi, 70)
    radii = radius * (1 - angle / angle[-1] * 0.95)
    outer = np.stack([radii * np.cos(angle), radii * np.sin(angle)], axis=1)
    inner = outer * ((radii - thickness).clip(0.02) / radii)[:, None]
    return np.concatenate([outer, inner[::-1]]) + np.array([x, 0])


def _heart() -> Points:
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    down = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 16
    return np.stack([np.sin(t) ** 3, down], axis=1)


_UPPER_WING = _polygon("0.06,-0.1 0.3,-0.75 0.7,-0.95 0.98,-0.7 0.9,-0.25 0.45,0.05 0.06,0.08")
_LOWER_WING = _polygon("0.06,0.05 0.5,0.1 0.78,0.4 0.68,0.8 0.4,0.85 0.06,0.3")

SHAPES: dict[str, tuple[Layer, ...]] = {
    "cube": (
        Layer(1.25, _polygon("0,-0.95 0.85,-0.5 0,-0.05 -0.85,-0.5")),
        Layer(0.95, _polygon("-0.85,-0.5 0,-0.05 0,0.95 -0.85,0.5")),
        Layer(0.65, _polygon("0.85,-0.5 0,-0.05 0,0.95 0.85,0.5")),
    ),
    "ball": (
        Layer(0.75, _ellipse(0, 0, 0.92, 0.92)),
        Layer(1.0, _ellipse(-0.1, -0.1, 0.72, 0.72)),
        Layer(1.35, _ellipse(-0.32, -0.36, 0.26, 0.22)),
    ),
    "cone": (
        Layer(1.0, np.concatenate([_polygon("0,-1"), _ellipse(0, 0.7, 0.8, 0.26, 0, 180)])),
        Layer(0.65, np.concatenate([_polygon("0,-1"), _ellipse(0, 0.7, 0.8, 0.26, 0, 75)])),
    ),
    "cylinder": (
        Layer(1.0, np.concatenate([_ellipse(0, 0.68, 0.58, 0.24, 0, 180), _ellipse(0, -0.7, 0.58, 0.24, 180, 360)])),
        Layer(0.65, np.concatenate([_ellipse(0, 0.68, 0.58, 0.24, 0, 70), _ellipse(0, -0.7, 0.58, 0.24, 290, 360)])),
        Layer(1.35, _ellipse(0, -0.7, 0.58, 0.24)),
    ),
    "star": (Layer(1.0, _star()),),
    "heart": (Layer(1.0, _heart()), Layer(1.35, _ellipse(-0.48, -0.45, 0.2, 0.16))),
    "cross": (
        Layer(1.0, _polygon("-0.3,-0.92 0.3,-0.92 0.3,0.92 -0.3,0.92")),
        Layer(1.0, _polygon("-0.92,-0.3 0.92,-0.3 0.92,0.3 -0.92,0.3")),
    ),
    "moon": (Layer(1.0, _moon()),),
    "key": (
        Layer(
            1.0,
            _polygon("-0.2,-0.13 1.0,-0.13 1.0,0.5 0.78,0.5 0.78,0.13 0.6,0.13 0.6,0.4 0.38,0.4 0.38,0.13 -0.2,0.13"),
        ),
        Layer(1.0, _ellipse(-0.5, 0, 0.5, 0.5)),
        Layer(HOLE, _ellipse(-0.52, 0, 0.22, 0.22)),
    ),
    "cup": (
        Layer(0.85, _ellipse(0.55, 0.02, 0.42, 0.42)),
        Layer(HOLE, _ellipse(0.57, 0.02, 0.2, 0.2)),
        Layer(
            1.0, np.concatenate([_polygon("-0.85,-0.6 0.55,-0.6"), _polygon("0.42,0.75 0.3,0.85 -0.6,0.85 -0.72,0.75")])
        ),
        Layer(0.5, _ellipse(-0.15, -0.6, 0.7, 0.2)),
    ),
    "hammer": (
        Layer(0.8, _polygon("-0.14,-0.4 0.14,-0.4 0.16,1.0 -0.16,1.0")),
        Layer(1.0, _polygon("-0.75,-0.95 0.45,-0.95 0.95,-0.6 0.45,-0.4 -0.75,-0.4")),
        Layer(1.3, _polygon("-0.75,-0.95 -0.5,-0.95 -0.5,-0.4 -0.75,-0.4")),
    ),
    "bell": (
        Layer(0.6, _ellipse(0, 0.74, 0.22, 0.22)),
        Layer(
            1.0,
            np.concatenate(
                [_ellipse(0, -0.3, 0.5, 0.6, 180, 360), _polygon("0.56,0.25 0.92,0.62 -0.92,0.62 -0.56,0.25")]
            ),
        ),
        Layer(0.7, _polygon("-0.92,0.62 -0.75,0.44 0.75,0.44 0.92,0.62")),
        Layer(1.0, _ellipse(0, -0.92, 0.12, 0.12)),
    ),
    "fish": (
        Layer(0.8, _polygon("0.35,0 1.0,-0.55 0.85,0 1.0,0.55")),
        Layer(0.8, _polygon("-0.3,-0.3 0.1,-0.78 0.3,-0.25")),
        Layer(1.0, _ellipse(-0.22, 0, 0.76, 0.46)),
        Layer(2.6, _ellipse(-0.6, -0.1, 0.12, 0.12)),
    ),
    "bird": (
        Layer(0.75, _polygon("-0.35,0.1 -1.0,-0.2 -0.9,0.15 -0.4,0.45")),
        Layer(1.9, _polygon("0.78,-0.5 1.08,-0.32 0.76,-0.22")),
        Layer(0.5, _polygon("-0.1,0.6 0.0,0.6 0.0,1.0 -0.1,1.0")),
        Layer(0.5, _polygon("0.18,0.6 0.28,0.6 0.28,1.0 0.18,1.0")),
        Layer(1.0, _ellipse(0.0, 0.22, 0.62, 0.48)),
        Layer(1.0, _ellipse(0.5, -0.4, 0.36, 0.36)),
        Layer(0.6, _polygon("-0.45,0.05 0.25,0.02 -0.05,0.5")),
        Layer(2.6, _ellipse(0.58, -0.46, 0.1, 0.1)),
    ),
    "butterfly": (
        Layer(1.0, _UPPER_WING),
        Layer(1.0, _mirrored(_UPPER_WING)),
        Layer(0.75, _LOWER_WING),
        Layer(0.75, _mirrored(_LOWER_WING)),
        Layer(1.4, _ellipse(0.6, -0.55, 0.17, 0.17)),
        Layer(1.4, _ellipse(-0.6, -0.55, 0.17, 0.17)),
        Layer(0.4, _ellipse(0, -0.02, 0.09, 0.72)),
    ),
    "snail": (
        Layer(0.8, _polygon("-1.0,0.85 -0.85,0.55 0.3,0.5 0.52,-0.25 0.86,-0.25 0.92,0.3 0.75,0.85")),
        Layer(0.8, _polygon("0.56,-0.2 0.5,-0.72 0.62,-0.72 0.68,-0.2")),
        Layer(0.8, _polygon("0.74,-0.2 0.86,-0.72 0.96,-0.68 0.84,-0.2")),
        Layer(1.0, _ellipse(-0.22, 0.0, 0.66, 0.62)),
        Layer(0.5, _spiral(-0.22, 1.6, 0.44, 0.13)),
    ),
}


class Thing(NamedTuple):
    """An object to draw: its kind, its colour, and the place of its cell in (row, column)."""

    kind: str
    rgb: tuple[int, int, int]
    cell: tuple[int, int] = (0, 0)


def draw(things: Sequence[Thing], cells: int, random: np.random.Generator) -> Image.Image:
    """A square picture of cells x cells, each object within its cell: size, place, tilt, shade and ground at random."""
    side = cells * CELL
    canvas = Image.new("RGBA", (side * FINER, side * FINER), (0, 0, 0, 0))
    for thing in things:
        canvas.alpha_composite(_object(thing, random), (thing.cell[1] * CELL * FINER, thing.cell[0] * CELL * FINER))
    objects = np.asarray(canvas.reduce(FINER), dtype=np.float32)
    opacity = objects[..., 3:] / 255
    picture = _ground(side, random) * (1 - opacity) + objects[..., :3] * opacity
    noise = random.normal(0, random.uniform(1, 5), picture.shape)
    return Image.fromarray((picture + noise).clip(0, 255).astype(np.uint8))


def _ground(side: int, random: np.random.Generator) -> np.ndarray:
    """A pale ground of any tint, somewhat brighter on one side."""
    paper = random.uniform(188, 246) + random.uniform(-14, 14, 3)
    slope = random.uniform(-12, 12, 2)
    down, right = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    return (paper + (slope[0] * down + slope[1] * right)[..., None]).astype(np.float32)


def _object(thing: Thing, random: np.random.Generator) -> Image.Image:
    side = CELL * FINER
    colour = np.array(thing.rgb) * random.uniform(0.86, 1.1) + random.uniform(-8, 8, 3)
    radius = side / 2 * random.uniform(0.62, 0.86)
    play = side / 2 - radius - FINER
    place = side / 2 + random.uniform(-play, play, 2)
    tilt = np.radians(random.uniform(-14, 14))
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    layers = [(tone, [tuple(p) for p in points @ turn.T * radius + place]) for tone, points in SHAPES[thing.kind]]

    image = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    edge = _tone(colour, 0.45)
    for tone, points in layers:
        if tone != HOLE:
            pen.line([*points, points[0], points[1]], fill=edge, width=FINER + 2, joint="curve")
    for tone, points in layers:
        if tone == HOLE:
            pen.line([*points, points[0]], fill=edge, width=FINER, joint="curve")
        pen.polygon(points, fill=(0, 0, 0, 0) if tone == HOLE else _tone(colour, tone))
    return image


def _tone(colour: np.ndarray, tone: float) -> tuple[int, int, int, int]:
    """Darker by the factor, or for a tone above 1 by that part of the way to white."""
    value = colour * tone if tone <= 1 else colour + (255 - colour) * min(tone - 1, 1)
    red, green, blue = value.clip(0, 255).astype(int)
    return int(red), int(green), int(blue), 255
