"""What a user's id is, for every door, store and media.

Any string names a user, compared as it is: nothing is folded, trimmed or normalised, so two spellings are
never one user. A string of blanks is a variable that somebody forgot to fill, and names nobody.
"""

from __future__ import annotations

from hashlib import sha256

from persona_graph.errors import InputError


def user_id(given: object) -> str:
    """The id that was given. Raises: InputError when it is none."""
    if isinstance(given, str) and given.strip():
        return given
    shown = repr(given)
    raise InputError(f"a user id is a string of at least one character, not {shown[:40]}{'...' * (len(shown) > 40)}")


def file_name(user: str) -> str:
    """The name of a user's file or folder: fit for any file system, and it says nothing about the user.

    Raises: InputError when it is no user id.
    """
    return sha256(user_id(user).encode("utf-8", "surrogatepass")).hexdigest()
