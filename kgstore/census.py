"""What a graph holds beyond Statistics: how its relations spread over entities, and which pictures are on the disk."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from kgstore.errors import BadImage
from kgstore.images import ImageRoots
from kgstore.store import GraphStore
from kgstore.tables import tables
from kgstore.values import Statistics

PERCENTILES = (50, 90, 99, 100)
DEGREES = """
WITH ends AS (SELECT head AS id FROM triples UNION ALL SELECT tail FROM triples),
     counted AS (SELECT id, count(*) AS degree FROM ends GROUP BY id)
SELECT quantile_disc(coalesce(degree, 0), ?), count(*) FILTER (degree IS NULL)
FROM entities LEFT JOIN counted USING (id)
"""
#: Without their regions, as images.whole_of says it.
PICTURES = (
    "SELECT DISTINCT coalesce(nullif(regexp_extract(image, '^(.*)#xywh=', 1, 's'), ''), image) "
    "FROM (SELECT unnest(images) AS image FROM entities)"
)


@dataclass(frozen=True)
class Census:
    """`degrees` are the percentiles of an entity's relations, both directions together; a self-loop counts twice.

    `pictures` counts the distinct pictures that entities refer to, regions of one as one, and `missing` those of them
    that are not in their source's folder, or whose folder is not known.
    """

    statistics: Statistics
    degrees: dict[str, int]
    isolated: int
    pictures: int
    missing: int

    def values(self) -> dict[str, object]:
        """Everything by name, for JSON: the same for the same graph, whichever store holds it."""
        own = {"degrees": self.degrees, "isolated": self.isolated}
        return {**asdict(self.statistics), **own, "pictures": self.pictures, "missing_pictures": self.missing}


def census(store: GraphStore, roots: ImageRoots) -> Census:
    with tables(store, ["id", "images"], ["head", "tail"]) as database:
        shares = [percent / 100 for percent in PERCENTILES]
        [(values, isolated)] = database.execute(DEGREES, [shares]).fetchall()
        pictures = missing = 0
        answer = database.execute(PICTURES)
        while rows := answer.fetchmany(10_000):
            pictures += len(rows)
            missing += sum(not _is_there(roots, reference) for (reference,) in rows)
    names = [f"p{percent}" for percent in PERCENTILES]
    degrees = dict(zip(names, values or [0] * len(names), strict=True))
    return Census(store.statistics(), degrees, isolated, pictures, missing)


def _is_there(roots: ImageRoots, reference: str) -> bool:
    try:
        roots.resolve(reference)
    except BadImage:
        return False
    return True
