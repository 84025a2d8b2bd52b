"""Drawing of incoming edges, compiled: exact and without replacement.

Every random number is a hash of (key, name of the entity, count), so what is drawn for an entity depends on nothing
else: not on the order in which entities are met, nor on what was drawn for others.

Memory access is what costs. So a hop is walked in simple loops whose loads do not wait for one another: where the edges
of all its entities lie, which of them are drawn, and last what the drawn edges are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from model.compiled import DOUBLES, FLOATS, INT, INTS, SHORT_INTS, WORD, compiled, inlined
from model.permutation import splitmix

#: A place of a table that holds nothing.
_FREE = -1

#: Up to this many edges a repeat is found by looking through what was drawn; beyond, in a table.
_LOOKED_THROUGH = 32

#: Weighted draws: an entity of more than this many times `fanout` edges is drawn from by its running sums, at most this
#: many times `fanout` times.
_BY_SUMS = 8

_word = inlined(splitmix)


@inlined
def _below(word: Any, bound: int, key: Any) -> Any:
    """A number below `bound`, each as likely (Lemire 2019); `bound` is less than 2 to the 32."""
    product = (word >> np.uint64(32)) * np.uint64(bound)
    rest = product & np.uint64(0xFFFFFFFF)
    if rest < np.uint64(bound):
        least = np.uint64(0x100000000 - bound) % np.uint64(bound)
        while rest < least:
            word = _word(word ^ key)
            product = (word >> np.uint64(32)) * np.uint64(bound)
            rest = product & np.uint64(0xFFFFFFFF)
    return np.int64(product >> np.uint64(32))


@inlined
def _unit(word: Any) -> float:
    """A number in (0, 1], from the upper bits of a word."""
    return (np.float64(word >> np.uint64(11)) + 1.0) * 2.0**-53


@inlined
def _first_from(ascending: np.ndarray, value: int) -> int:
    """The place of the first number that is not below `value`."""
    low, high = 0, len(ascending)
    while low < high:
        middle = (low + high) // 2
        if ascending[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def _table(count: int) -> np.ndarray:
    """An empty table for so many numbers; its size is a power of two."""
    size = 8
    while size < 2 * count:
        size *= 2
    return np.full(size, _FREE, np.int64)


@inlined
def _add(table: np.ndarray, number: int) -> bool:
    """Whether the number was not in the table; now it is."""
    mask = len(table) - 1
    place = np.int64(_word(np.uint64(number)) & np.uint64(mask))
    while table[place] != _FREE:
        if table[place] == number:
            return False
        place = (place + 1) & mask
    table[place] = number
    return True


@compiled(INTS, INTS)
def unmet(numbers: np.ndarray, met: np.ndarray) -> np.ndarray:
    """The distinct numbers that are not in `met`, in the order in which they come first."""
    table = _table(len(numbers) + len(met))
    for i in range(len(met)):
        _add(table, met[i])
    found = np.empty(len(numbers), np.int64)
    count = 0
    for i in range(len(numbers)):
        if _add(table, numbers[i]):
            found[count] = numbers[i]
            count += 1
    return found[:count].copy()


@compiled(SHORT_INTS, SHORT_INTS, INTS)
def looked_up(head: np.ndarray, relation: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Heads and relations of edges."""
    heads, relations = np.empty(len(edges), np.int64), np.empty(len(edges), np.int64)
    for i in range(len(edges)):
        heads[i] = head[edges[i]]
        relations[i] = relation[edges[i]]
    return heads, relations


@inlined
def _ranges(
    offsets: np.ndarray, entities: np.ndarray, excluded: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each entity its first edge, how many it has that are not excluded, and its first excluded edge's place."""
    start, free = np.empty(len(entities), np.int64), np.empty(len(entities), np.int64)
    for i in range(len(entities)):
        start[i] = offsets[entities[i]]
        free[i] = offsets[entities[i] + 1] - start[i]
    place = np.zeros(len(entities), np.int64)
    if len(excluded):
        for i in range(len(entities)):
            place[i] = _first_from(excluded, start[i])
            end = start[i] + free[i]
            at = place[i]
            while at < len(excluded) and excluded[at] < end:
                free[i] -= 1
                at += 1
    return start, free, place


@compiled(INTS, INTS, INTS, INT, INTS, WORD)
def draw_evenly(
    offsets: np.ndarray, entities: np.ndarray, names: np.ndarray, fanout: int, excluded: np.ndarray, key: np.uint64
) -> tuple[np.ndarray, np.ndarray]:
    """At most `fanout` incoming edges of each entity, every set of that many as likely as any other; and their tails.

    Edges of entity n are `offsets[n]` to `offsets[n + 1]`; `excluded` ones (ascending) are never drawn. Ranks among
    the edges that remain are drawn, all of them or a sample by Floyd's algorithm; each is moved past the excluded ones
    before it. Tails come as `names`, which are what entities are hashed by.
    """
    start, free, place = _ranges(offsets, entities, excluded)
    total = 0
    for i in range(len(entities)):
        total += min(fanout, free[i])
    edges, tails = np.empty(total, np.int64), np.empty(total, np.int64)
    end = 0
    for i in range(len(entities)):
        count, first = min(fanout, free[i]), end
        end += count
        if free[i] <= fanout:
            for rank in range(count):
                edges[first + rank] = start[i] + rank
                tails[first + rank] = names[i]
        else:
            own = _word(key ^ _word(np.uint64(names[i])))
            table = _table(count if count > _LOOKED_THROUGH else 0)
            for turn in range(count):
                last = free[i] - count + turn
                rank = _below(_word(own + np.uint64(turn)), last + 1, own)
                if count > _LOOKED_THROUGH:
                    if not _add(table, rank):
                        rank = last
                        _add(table, rank)
                else:
                    for other in range(first, first + turn):
                        if edges[other] == start[i] + rank:
                            rank = last
                            break
                edges[first + turn] = start[i] + rank
                tails[first + turn] = names[i]
        at = place[i]
        if at < len(excluded) and excluded[at] < start[i] + free[i] + len(excluded):
            for drawn in range(first, end):
                at = place[i]
                while at < len(excluded) and excluded[at] <= edges[drawn]:
                    edges[drawn] += 1
                    at += 1
    return edges, tails


@compiled(INTS, FLOATS)
def running_sums(offsets: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Of each edge the weights of its entity's edges up to it and its own."""
    sums = np.empty(len(weight), np.float64)
    for entity in range(len(offsets) - 1):
        total = 0.0
        for edge in range(offsets[entity], offsets[entity + 1]):
            total += weight[edge]
            sums[edge] = total
    return sums


@inlined
def _by_sums(
    sums: np.ndarray, start: int, size: int, excluded: np.ndarray, place: int, own: Any, drawn: np.ndarray
) -> int:
    """Draws edges by their weight into `drawn`, past repeats and excluded ones, for as long as that is worth it."""
    count, total = 0, sums[start + size - 1]
    for attempt in range(_BY_SUMS * len(drawn)):
        aim = (1.0 - _unit(_word(own + np.uint64(attempt)))) * total
        low, high = start, start + size - 1
        while low < high:
            middle = (low + high) // 2
            if sums[middle] > aim:
                high = middle
            else:
                low = middle + 1
        known = _is_among(excluded, place, low)
        for i in range(count):
            known |= drawn[i] == low
        if not known and total > 0.0:
            drawn[count] = low
            count += 1
            if count == len(drawn):
                break
    return count


@inlined
def _is_among(ascending: np.ndarray, place: int, value: int) -> bool:
    while place < len(ascending) and ascending[place] < value:
        place += 1
    return place < len(ascending) and ascending[place] == value


@inlined
def _by_keys(
    weight: np.ndarray,
    start: int,
    size: int,
    excluded: np.ndarray,
    place: int,
    own: Any,
    drawn: np.ndarray,
    keys: np.ndarray,
    before: int,
) -> int:
    """Fills `drawn` after the `before` first with the edges of the smallest keys, in their order."""
    count, at = before, place
    for edge in range(start, start + size):
        while at < len(excluded) and excluded[at] < edge:
            at += 1
        known = (at < len(excluded) and excluded[at] == edge) or weight[edge] <= 0.0
        for i in range(before):
            known |= drawn[i] == edge
        if known:
            continue
        key = -np.log(_unit(_word(own + np.uint64(edge - start)))) / weight[edge]
        if count == len(drawn):
            if key >= keys[count - 1]:
                continue
            count -= 1
        to = count
        while to > before and keys[to - 1] > key:
            keys[to], drawn[to] = keys[to - 1], drawn[to - 1]
            to -= 1
        keys[to], drawn[to] = key, edge
        count += 1
    return count


@compiled(INTS, INTS, INTS, FLOATS, DOUBLES, INT, INTS, WORD)
def draw_by_weight(
    offsets: np.ndarray,
    entities: np.ndarray,
    names: np.ndarray,
    weight: np.ndarray,
    sums: np.ndarray,
    fanout: int,
    excluded: np.ndarray,
    key: np.uint64,
) -> tuple[np.ndarray, np.ndarray]:
    """Like `draw_evenly`, but edge after edge with a chance in proportion to its weight among those that remain.

    An edge of weight 0 is never drawn. Entities of many edges are drawn from by `sums`, the running sums of their
    weights: a repeat is drawn anew, which changes no chance. The others, and those of which few edges bear most of the
    weight, get a key for each edge of which the smallest win (Efraimidis and Spirakis 2006). What the first way has
    drawn the second completes, since neither looks at how often the first one tried.
    """
    start, free, place = _ranges(offsets, entities, excluded)
    total = 0
    for i in range(len(entities)):
        total += min(fanout, free[i])
    edges, tails = np.empty(total, np.int64), np.empty(total, np.int64)
    end = 0
    for i in range(len(entities)):
        size = offsets[entities[i] + 1] - start[i]
        drawn = edges[end : end + min(fanout, free[i])]
        own = _word(key ^ _word(np.uint64(names[i])))
        count = 0
        if len(drawn) * _BY_SUMS < size and len(drawn) <= _LOOKED_THROUGH:
            count = _by_sums(sums, start[i], size, excluded, place[i], own, drawn)
        if count < len(drawn):
            keys = np.empty(len(drawn), np.float64)
            count = _by_keys(weight, start[i], size, excluded, place[i], _word(own), drawn, keys, count)
        tails[end : end + count] = names[i]
        end += count
    return edges[:end].copy(), tails[:end].copy()
