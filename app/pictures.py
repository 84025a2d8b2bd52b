"""The image route: `/image/<reference>` serves pictures of the graph, only from below the image roots.

`?width=N` asks for a thumbnail (a few sizes only, so that they can be kept), `?region=place` for a region at its place
on a grey picture and `?region=box` for a box around it in the whole picture. Every picture is decoded and written anew:
what leaves the server is a picture and nothing else.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from io import BytesIO
from typing import Literal
from urllib.parse import quote

from PIL import Image, ImageDraw
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.shared import image_roots
from kgstore.errors import KgError
from kgstore.images import Region, box_of, open_picture, whole_of

WIDTHS = (64, 160, 320, 640, 1280)
KEPT_THUMBNAILS = 4096
# vis-network cannot draw pictures of a few pixels, and a browser blurs small ones when it enlarges them.
SMALLEST = 64
#: A region alone, at its place on grey, or with a box around it in the whole picture.
View = Region | Literal["box"]
VIEWS: tuple[View, ...] = ("crop", "place", "box")
BOX_COLOURS = ("white", "#e0483c")
CACHE = {"Cache-Control": "private, max-age=600"}


def picture_url(reference: str, width: int = 160, region: View = "crop") -> str:
    """The address of a picture on this server; `width` is one of WIDTHS."""
    shown = "" if region == "crop" else f"&region={region}"
    return f"/image/{quote(reference, safe='/')}?width={width}{shown}"


async def image(request: Request) -> Response:
    """A picture as PNG or JPEG, or a sentence with status 404."""
    reference = request.path_params["reference"]
    asked = request.query_params.get("width", "")
    width = next((size for size in WIDTHS if asked.isdigit() and int(asked) <= size), WIDTHS[-1])
    region: View = next((view for view in VIEWS if view == request.query_params.get("region")), "crop")
    try:
        content, kind = await run_in_threadpool(picture, reference, width, region)
    except KgError as error:
        return PlainTextResponse(str(error), status_code=404, headers={"Cache-Control": "no-store"})
    tag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={**CACHE, "ETag": tag})
    return Response(content, media_type=kind, headers={**CACHE, "ETag": tag})


IMAGE_ROUTE = Route("/image/{reference:path}", image)


def picture(reference: str, width: int, region: View = "crop") -> tuple[bytes, str]:
    """The picture as a file of that width, and its media type. Raises BadImage."""
    path, _ = image_roots().resolve(reference)
    return _encoded(str(path), path.stat().st_mtime_ns, reference, width, region)


@lru_cache(maxsize=KEPT_THUMBNAILS)
def _encoded(path: str, changed: int, reference: str, width: int, region: View) -> tuple[bytes, str]:
    """The picture and its media type. The file's path and time only belong to the key."""
    picture = (
        _boxed(reference, width)
        if region == "box"
        else open_picture(image_roots(), reference, region, at_least=width)
    )
    picture.thumbnail((width, width))
    if max(picture.size) < SMALLEST:
        scale = -(-SMALLEST // max(picture.size))
        size = (max(picture.width * scale, 16), max(picture.height * scale, 16))
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    buffer = BytesIO()
    if picture.width * picture.height <= 128 * 128:
        picture.save(buffer, "PNG")
        return buffer.getvalue(), "image/png"
    picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue(), "image/jpeg"


def _boxed(reference: str, width: int) -> Image.Image:
    """The whole picture with its region in a box that shows on light and on dark pictures at that width."""
    box = box_of(reference)
    picture = open_picture(image_roots(), whole_of(reference))
    if box is None:
        return picture
    line = max(round(max(picture.size) / min(width, max(picture.size))), 1)
    draw = ImageDraw.Draw(picture)
    for colour, out in zip(BOX_COLOURS, (2 * line, line), strict=True):
        left, top = max(box.x - out, 0), max(box.y - out, 0)
        right = min(box.x + box.width + out, picture.width) - 1
        bottom = min(box.y + box.height + out, picture.height) - 1
        if left < right and top < bottom:
            draw.rectangle((left, top, right, bottom), outline=colour, width=2 * line if colour == "white" else line)
    return picture
