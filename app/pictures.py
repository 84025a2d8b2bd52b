"""The image route: `/image/<reference>` serves pictures of the graph, only from below the image roots.

`?width=N` asks for a thumbnail (a few sizes only, so that they can be kept), `?region=place` for a region at its place
in the whole picture. Every picture is decoded and written anew: what leaves the server is a picture and nothing else.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from io import BytesIO
from urllib.parse import quote

from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.shared import image_roots
from kgstore.errors import KgError
from kgstore.images import Region, open_picture

WIDTHS = (64, 160, 320, 640, 1280)
KEPT_THUMBNAILS = 4096
# vis-network cannot draw pictures of a few pixels, and a browser blurs small ones when it enlarges them.
SMALLEST = 64
CACHE = {"Cache-Control": "private, max-age=600"}


def picture_url(reference: str, width: int = 160, region: Region = "crop") -> str:
    """The address of a picture on this server; `width` is one of WIDTHS."""
    place = "&region=place" if region == "place" else ""
    return f"/image/{quote(reference, safe='/')}?width={width}{place}"


async def image(request: Request) -> Response:
    """A picture as PNG or JPEG, or a sentence with status 404."""
    reference = request.path_params["reference"]
    asked = request.query_params.get("width", "")
    width = next((size for size in WIDTHS if asked.isdigit() and int(asked) <= size), WIDTHS[-1])
    region: Region = "place" if request.query_params.get("region") == "place" else "crop"
    try:
        content, kind = await run_in_threadpool(picture, reference, width, region)
    except KgError as error:
        return PlainTextResponse(str(error), status_code=404, headers={"Cache-Control": "no-store"})
    tag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={**CACHE, "ETag": tag})
    return Response(content, media_type=kind, headers={**CACHE, "ETag": tag})


IMAGE_ROUTE = Route("/image/{reference:path}", image)


def picture(reference: str, width: int, region: Region = "crop") -> tuple[bytes, str]:
    """The picture as a file of that width, and its media type. Raises BadImage."""
    path, _ = image_roots().resolve(reference)
    return _encoded(str(path), path.stat().st_mtime_ns, reference, width, region)


@lru_cache(maxsize=KEPT_THUMBNAILS)
def _encoded(path: str, changed: int, reference: str, width: int, region: Region) -> tuple[bytes, str]:
    """The picture and its media type. The file's path and time only belong to the key."""
    picture = open_picture(image_roots(), reference, region, at_least=width)
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
