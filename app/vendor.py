"""vis-network, served from where pyvis keeps it: no copy in the repository, no other server."""

from __future__ import annotations

import gzip
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}


async def vis_network(request: Request) -> Response:
    """The script of whichever wheel is installed; its version is in the address, so it may be kept for ever."""
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(_compressed(), media_type="text/javascript", headers={**FOREVER, "Content-Encoding": "gzip"})
    return Response(_file().read_bytes(), media_type="text/javascript", headers=FOREVER)


VIS_NETWORK_ROUTE = Route("/vendor/{version}/vis-network.js", vis_network)


def vis_network_address() -> str:
    """Where the graph view finds the script on this server."""
    return f"/vendor/{_file().parent.name}/vis-network.js"


@cache
def _file() -> Path:
    # Found without importing pyvis, which would bring IPython and networkx along.
    spec = find_spec("pyvis")
    assert spec
    assert spec.origin, "pyvis is a package with files"
    return max(Path(spec.origin).parent.glob("lib/vis-*/vis-network.min.js"))


@cache
def _compressed() -> bytes:
    return gzip.compress(_file().read_bytes(), mtime=0)
