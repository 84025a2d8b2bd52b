"""Search: by words, by meaning, and by a relation; what is asked stands in the page's address."""

from __future__ import annotations

import streamlit as st

from app.asked import ask_for_text
from app.by_meaning import by_meaning
from app.by_relation import by_relation
from app.cards import Card, cards
from app.escape import escape, one_line
from app.filters import Kept, choose_filters
from app.shared import graph
from app.words import count

HITS, SOME = 40, 18
#: Whatever is shown is one component, also if it is nothing: a click on a card that arrives when the answer to the last
#: letter has taken the card's place would find nobody to hear it otherwise.
CARDS = "hits"
WORDS, MEANING, RELATION = "By words", "By meaning", "By relation"


def draw() -> None:
    st.title("Search")
    mode = st.segmented_control(
        "How",
        [WORDS, MEANING, RELATION],
        key="mode",
        bind="query-params",
        default=WORDS,
        required=True,
        label_visibility="collapsed",
    )
    {WORDS: by_words, MEANING: by_meaning, RELATION: by_relation}[mode or WORDS]()


def by_words() -> None:
    """Names and texts, typos forgiven."""
    text = ask_for_text("Name or text", "a name, a word of a caption; a typo is forgiven")
    kept = choose_filters()
    if text:
        draw_hits(text, kept)
    else:
        draw_unasked(kept)


def draw_hits(text: str, kept: Kept) -> None:
    with st.spinner("Searching; after a load the words are put in order first …"):
        hits = graph().search(text, kinds=kept.kinds, sources=kept.sources, limit=HITS)
    if not hits:
        where = " among what is chosen above" if any(kept) else ""
        st.info(
            f"Nothing{where} is called or described like {escape(repr(one_line(text)))}. "
            "Try another spelling, or By meaning."
        )
    else:
        st.caption(f"{count(len(hits), 'result')}, best first." if len(hits) < HITS else f"The best {HITS} results.")
    cards(CARDS, [Card(hit.entity) for hit in hits], layout="rows", kinds=len(kept.kinds) != 1)


def draw_unasked(kept: Kept) -> None:
    """Something to begin with, of what is chosen."""
    some = [
        entity
        for entity in graph().pictures(SOME if not kept.sources else 40 * SOME, kept.kinds)
        if not kept.sources or not set(kept.sources).isdisjoint(entity.sources)
    ]
    if some:
        st.caption("Some with pictures, to begin with:")
    cards(CARDS, [Card(entity) for entity in some[:SOME]], kinds=len(kept.kinds) != 1)


draw()
