"""Every error this package raises, named after the boundary that broke.

    PersonaError
    ├── InputError (ValueError)         what a caller passed cannot be used
    │   ├── ImageError                  an image is broken, too large or not an image
    │   └── UnknownFormat               a file to ingest is in no known format
    ├── NotFound (LookupError)          the named turn, memory, job or user does not exist
    ├── ConfigurationError              settings or extras do not allow what was asked
    ├── StoreError                      the memory store could not be read or written
    │   ├── StoreAway                   the store's server cannot be reached; whether a write arrived is not known
    │   ├── StoreBusy                   another process holds the store for too long
    │   ├── ForeignStore                the file is corrupt or not one of ours; left untouched
    │   ├── Outdated                    what a commit was worked from has been erased since; do it again
    │   └── EmbeddingMismatch           vectors of another model are stored; reindex first
    ├── EmbeddingError                  the embedder failed
    └── PolicyError                     the language model boundary
        ├── ModelUnavailable (ConnectionError)   no answer from the server; the message is kept
        └── MalformedOutput (ValueError)         the model's text has no usable form, even repaired

`ParseError` is raised by a job's `parse` and caught by the policy that called it; it does not leave
the package.
"""

from __future__ import annotations


class PersonaError(Exception):
    """Base of all errors of this package."""


class InputError(PersonaError, ValueError):
    """What a caller passed cannot be used; the sentence says what would be right."""


class ImageError(InputError):
    """An image is broken, too large or not an image."""


class UnknownFormat(InputError):
    """A file to ingest is in no known format."""


class NotFound(PersonaError, LookupError):
    """The named turn, memory, job or user does not exist."""


class ConfigurationError(PersonaError):
    """Settings or installed extras do not allow what was asked."""


class StoreError(PersonaError):
    """The memory store could not be read or written."""


class StoreAway(StoreError):
    """The store's server cannot be reached, or did not answer in time; whether a write arrived is not known."""


class StoreBusy(StoreError):
    """Another process holds the store for longer than the patience allows."""


class ForeignStore(StoreError):
    """The file is corrupt or was not written by this package; it is left untouched."""


class Outdated(StoreError):
    """What a commit was worked from has been erased in the meantime; the work is to be done again."""


class EmbeddingMismatch(StoreError):
    """The store holds vectors of another embedding model; `reindex` makes them anew."""


class EmbeddingError(PersonaError):
    """The embedder failed."""


class PolicyError(PersonaError):
    """The language model boundary."""


class ModelUnavailable(PolicyError, ConnectionError):
    """The model did not answer; the message is in the journal and can be answered again."""


class MalformedOutput(PolicyError, ValueError):
    """The model's text has no usable form, even after one repair turn."""

    def __init__(self, message: str, raw: str = "") -> None:
        super().__init__(message)
        self.raw = raw
        """What the model said, whole."""


class ParseError(PersonaError, ValueError):
    """A job's `parse` met text it cannot accept; names what was expected and how the text begins."""

    def __init__(self, expected: str, received: str) -> None:
        super().__init__(f"expected {expected}, received {received[:80]!r}")
        self.expected = expected
        self.received = received
