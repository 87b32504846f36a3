"""`SearchCache`: what one search of a user leaves behind for its next step and for the next search."""

from __future__ import annotations


class SearchCache:
    """Empty at first; dropped whenever something of the user is removed."""

    def clear(self) -> None:
        """Forget all."""
