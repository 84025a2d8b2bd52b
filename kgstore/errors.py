"""The errors a caller of kgstore can meet. Every message is a sentence that says what to do next.

KgError
  StoreUnavailable     no server there, wrong password, a path that is no store
  StoreBusy            another process holds the embedded file
  QueryRefused         the Cypher does more than read the graph, or does not parse
  QueryStopped         the Cypher ran into its time limit and was stopped
  UnknownEntity        a triple or a call names an entity that is not in the graph
  UnknownTriple        a decision names a relation that is not a prediction in the graph
  DecidedMeanwhile     somebody else decided about a prediction since it was seen
  BadRecord            a value that breaks the data model (an unknown kind, an empty id, ...)
  BadImage             a picture reference that cannot be opened
  BadProjection        a projection that is incomplete, of another version, or empty
"""

from __future__ import annotations


class KgError(Exception):
    """Base of all errors of this project; command lines print it and exit with status 2."""


class StoreUnavailable(KgError):
    """The store cannot be reached or opened."""


class StoreBusy(KgError):
    """Another process owns the embedded store."""


class QueryRefused(KgError):
    """The query was not run."""


class QueryStopped(KgError):
    """The query was stopped at its time limit; the store is unharmed."""


class UnknownEntity(KgError):
    """An entity id that the graph does not hold."""


class UnknownTriple(KgError):
    """A decision about a relation that is not a prediction in the graph."""


class DecidedMeanwhile(KgError):
    """Somebody else decided about the prediction since it was seen; theirs stays."""


class BadRecord(KgError, ValueError):
    """A value that breaks the data model."""


class BadImage(KgError):
    """A picture reference that cannot be opened safely."""


class BadProjection(KgError):
    """A projection that cannot be made or read."""
