"""What lines that were added to a file tell of entities that the graph holds already."""

from __future__ import annotations

import pyarrow as pa

from ingest.staging import Staging
from kgstore.store import GraphStore

_PIECE = 10_000

STAGED = "SELECT id, texts FROM entities WHERE len(texts) > 0"
KEEP = "UPDATE entities SET texts = given.texts FROM given WHERE entities.id = given.id"


def keep_first_texts(staging: Staging, store: GraphStore, most: int) -> None:
    """Leaves of what is set aside so many texts that no entity has more than `most`, those in the graph counted first:
    as if the file had been read from its beginning."""
    for rows in staging.ask_in_pieces(STAGED, _PIECE):
        there = {entity.id: entity.texts for entity in store.entities([id for id, _ in rows])}
        fewer: dict[str, list[str]] = {}
        for id, texts in rows:
            room = max(most - len(there.get(id, ())), 0)
            added = [text for text in texts if text not in there.get(id, ())]
            if len(added) > room:
                fewer[id] = added[:room]
        if fewer:
            kinds = pa.schema([("id", pa.string()), ("texts", pa.list_(pa.string()))])
            staging.give(KEEP, pa.record_batch([[*fewer], [*fewer.values()]], schema=kinds), {})
