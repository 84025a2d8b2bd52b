"""The route of all decisions as CSV: `/decisions.csv`, or of one run: `/decisions.csv?run=NAME`; sent as it is read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from urllib.parse import urlencode

import pyarrow as pa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from app.shared import graph
from kgstore.decision_list import DECISION_COLUMNS, decisions
from kgstore.errors import KgError
from kgstore.records import column_rows

HEADERS = {"Content-Disposition": 'attachment; filename="decisions.csv"', "Cache-Control": "no-store"}


def decisions_address(run: str = "") -> str:
    """The address of the file on this server."""
    return f"/decisions.csv?{urlencode({'run': run})}" if run else "/decisions.csv"


async def decisions_csv(request: Request) -> Response:
    """The file, or a sentence with status 503. What fails after it has begun cuts it short, which browsers tell."""
    try:
        batches = decisions(graph(), request.query_params.get("run", ""))
        first = await run_in_threadpool(next, batches, None)
    except KgError as error:
        return PlainTextResponse(str(error), status_code=503, headers={"Cache-Control": "no-store"})
    return StreamingResponse(_lines(first, batches), media_type="text/csv; charset=utf-8", headers=HEADERS)


DECISIONS_ROUTE = Route("/decisions.csv", decisions_csv)


def _lines(first: pa.RecordBatch | None, rest: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    yield _csv([DECISION_COLUMNS])
    if first is not None:
        yield _csv(column_rows(first))
        for batch in rest:
            yield _csv(column_rows(batch))


def _csv(rows: object) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)  # type: ignore[arg-type]  # rows of plain values
    return text.getvalue().encode()
