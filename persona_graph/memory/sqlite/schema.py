"""The tables of one user's file.

`turns`, `messages`, `jobs`, `commits` and `tombstones` are the truth; everything else is projected from them.
`unsettled` names what an erase still has to do: pictures to remove (digests), old bytes in the file (''); `reopened`
the place among the commits that a job's work had before an erase took it. `written` and `embedded` hold the count of
write transactions (`state.clock`), so that caches fetch only what is new.
"""

from __future__ import annotations

import sqlite3
from functools import cache

from persona_graph.conversation import digest_of
from persona_graph.errors import ForeignStore
from persona_graph.retrieval.analysis import analyse

APPLICATION_ID = 0x50475248
"""`PGRH`, in the header of every file of ours."""

# Terms are letters, digits and marks, joined by spaces: the tokenizer has to split at spaces and no more.
_WORDS = "fts5(terms, content='', columnsize=0, detail=none, tokenize='ascii')"

_TABLES = f"""
CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    user NOT NULL,
    clock INTEGER NOT NULL DEFAULT 0,
    journal_epoch INTEGER NOT NULL DEFAULT 0,
    knowledge_epoch INTEGER NOT NULL DEFAULT 0,
    analysis TEXT NOT NULL,
    fingerprint TEXT NOT NULL DEFAULT '',
    dimensions INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE turns (
    row INTEGER PRIMARY KEY,
    id NOT NULL UNIQUE,
    at TEXT NOT NULL,
    session NOT NULL,
    state TEXT NOT NULL,
    receipt TEXT NOT NULL,
    messages TEXT NOT NULL
);
CREATE TABLE sessions (number INTEGER PRIMARY KEY, name NOT NULL UNIQUE);
CREATE TABLE speakers (number INTEGER PRIMARY KEY, name NOT NULL UNIQUE);
CREATE TABLE messages (
    row INTEGER PRIMARY KEY,
    turn INTEGER NOT NULL,
    place INTEGER NOT NULL,
    at INTEGER NOT NULL,
    session INTEGER NOT NULL,
    speaker INTEGER NOT NULL,
    role INTEGER NOT NULL,
    marks INTEGER NOT NULL,
    images INTEGER NOT NULL,
    written INTEGER NOT NULL,
    embedded INTEGER NOT NULL
);
CREATE INDEX messages_written ON messages (written);
CREATE INDEX messages_embedded ON messages (embedded);
CREATE INDEX messages_turn ON messages (turn);
CREATE TABLE message_vectors (row INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE message_tokens (row INTEGER PRIMARY KEY, width INTEGER NOT NULL, vectors BLOB NOT NULL);
CREATE VIRTUAL TABLE message_words USING {_WORDS};
CREATE VIRTUAL TABLE message_terms USING fts5vocab(message_words, row);

CREATE TABLE jobs (
    id NOT NULL PRIMARY KEY,
    name NOT NULL,
    turns TEXT NOT NULL,
    at INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    parked INTEGER NOT NULL,
    error NOT NULL,
    claimed_until INTEGER,
    claimed_by NOT NULL
);
CREATE INDEX jobs_in_order ON jobs (at, rank) WHERE NOT parked;
CREATE INDEX jobs_due ON jobs (not_before) WHERE NOT parked;
CREATE INDEX jobs_retried ON jobs (at, rank) WHERE attempts AND NOT parked;
CREATE INDEX jobs_claimed ON jobs (claimed_until) WHERE claimed_until IS NOT NULL;

CREATE TABLE commits (
    sequence INTEGER PRIMARY KEY,
    id NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE versions (
    number INTEGER PRIMARY KEY,
    id NOT NULL,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    key NOT NULL,
    current INTEGER NOT NULL,
    digest BLOB NOT NULL,
    written INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (id, version)
);
CREATE INDEX versions_current ON versions (kind, key) WHERE current;
CREATE INDEX versions_written ON versions (written);
CREATE INDEX versions_digest ON versions (digest);
CREATE TABLE memory_vectors (digest BLOB PRIMARY KEY, vector BLOB NOT NULL, written INTEGER NOT NULL);
CREATE INDEX memory_vectors_written ON memory_vectors (written);
CREATE VIRTUAL TABLE memory_words USING {_WORDS};
CREATE VIRTUAL TABLE memory_terms USING fts5vocab(memory_words, row);
CREATE TABLE points (
    row INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    place INTEGER NOT NULL,
    m INTEGER NOT NULL,
    vector TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (row, sequence, place)
) WITHOUT ROWID;
CREATE TABLE frozen (what NOT NULL PRIMARY KEY, value REAL);
"""


_ERASABLE = """
CREATE TABLE switched_off (what NOT NULL PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE tombstones (id NOT NULL PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE unsettled (what NOT NULL PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE reopened (job NOT NULL PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
"""


def statements(script: str) -> list[str]:
    """The statements of a script, to run one by one within a transaction."""
    return [statement for part in script.split(";") if (statement := part.strip())]


def create(db: sqlite3.Connection) -> None:
    """The tables of version 1."""
    for statement in statements(_TABLES):
        db.execute(statement)


def make_erasable(db: sqlite3.Connection) -> None:
    """The tables that version 2 adds."""
    for statement in statements(_ERASABLE):
        db.execute(statement)


VERSION = 2


@cache
def analysis() -> str:
    """Changes when the analysis of text does; indexes made by another one are made anew."""
    sample = "She's running 24 cafés’ l'été naïve ΣΊΣΥΦΟΣ Женщины будущее 露营很好 カタカナ การเดินทาง हिन्दी العربية"
    return digest_of("analysis", analyse(sample))


def is_ready(db: sqlite3.Connection, name: str) -> bool:
    """Whether the file has the tables of this version; asked within one snapshot, as others may just make them.

    Raises: ForeignStore when it is none of ours or of a newer version.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if application == APPLICATION_ID and version <= VERSION:
        return bool(version == VERSION)
    if application == APPLICATION_ID:
        raise ForeignStore(f"{name} was written by a newer version of persona-graph; update the package to open it")
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if version or application or tables:
        raise ForeignStore(f"{name} is an SQLite file of another program; it is left untouched")
    return False
