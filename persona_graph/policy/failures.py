"""What went wrong at the model's server, by status and kind of error: whether to try again, and one sentence.

Errors are told apart by their shape, so that no provider's package is imported. A sentence never
repeats what the server said: that may hold memory text or a key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_AGAIN = frozenset({408, 409, 425, 429})
_CONNECTION_NAMES = frozenset(
    {
        "APIConnectionError",
        "APITimeoutError",
        "TransportError",
        "ConnectError",
        "RemoteProtocolError",
        "StreamChunkTimeoutError",
    }
)
_SENTENCES = {
    400: "rejects the request",
    401: "refuses the key; check the API key that is configured",
    403: "refuses access; check what the API key may use",
    404: "does not know this model or address; check the name and the URL",
    413: "finds the request too large",
    422: "rejects the request",
    429: "is over its rate limit",
}


class CutStream(ConnectionError):
    """The stream ended before the model said that it was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failed call."""

    sentence: str
    """What the server does, in words that follow its name."""
    again: bool = False
    """Whether another try may help."""
    after_s: float | None = None
    """How long the server asks to wait."""


def diagnose(error: BaseException) -> Failure:
    """What an exception of a model call means."""
    status = _status(error)
    if status is not None:
        code = _code(error)
        again = (status in _AGAIN or status >= 500) and code != "insufficient_quota"
        said = _SENTENCES.get(status, "fails" if status >= 500 else "rejects the request")
        return Failure(
            sentence=f"{said} (HTTP {status}{f', {code}' if code else ''})", again=again, after_s=_retry_after(error)
        )
    if isinstance(error, CutStream):
        return Failure(sentence="cut its answer off", again=True)
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return Failure(sentence="did not answer in time", again=True)
    if isinstance(error, OSError) or _CONNECTION_NAMES & {cls.__name__ for cls in type(error).__mro__}:
        return Failure(sentence="could not be reached or broke the connection", again=True)
    return Failure(sentence=f"failed with {type(error).__name__}")


def _status(error: BaseException) -> int | None:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) and status >= 400 else None


def _code(error: BaseException) -> str:
    """The server's own short name for the error, if it is one."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) and re.fullmatch(r"[a-z_]{3,40}", code) else ""


def _retry_after(error: BaseException) -> float | None:
    """`Retry-After` in seconds, given as a number or a date."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    value = str(headers.get("retry-after", "")).strip()
    if re.fullmatch(r"\d{1,6}(\.\d+)?", value):
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
