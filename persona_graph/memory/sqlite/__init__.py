"""The embedded store: one SQLite file per user, FTS5 for words, numpy for vectors."""
