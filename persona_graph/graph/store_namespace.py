"""`Names`: which LangGraph namespace is whose memory, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from langgraph.store.base import MatchCondition

from persona_graph.errors import InputError
from persona_graph.memory.types import Kind
from persona_graph.user_id import user_id

USER = "{user}"

Namespace = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Whose memory, and of which kind."""

    user: str
    kind: Kind


class Names:
    """`("memories", "{user}")` holds facts; the other kinds lie one label below it."""

    def __init__(self, template: Sequence[str]) -> None:
        if list(template).count(USER) != 1:
            raise InputError(f'a namespace names its user once, as in ("memories", "{USER}"), not {tuple(template)!r}')
        self.template = tuple(template)
        self._depth = self.template.index(USER)

    def of(self, user: str, kind: Kind = Kind.SEMANTIC) -> Namespace:
        """The namespace of a user's memory of one kind. Raises: InputError."""
        own = tuple(label_of(user_id(user)) if part == USER else part for part in self.template)
        return own if kind is Kind.SEMANTIC else (*own, kind.value)

    def place(self, namespace: Namespace) -> Place | None:
        """What a whole namespace holds; None when it is none of ours."""
        if len(namespace) < len(self.template):
            return None
        below = self.below(namespace)
        return below[0] if below and len(self.of(below[0].user, below[0].kind)) == len(namespace) else None

    def below(self, prefix: Namespace) -> list[Place]:
        """The places that a prefix reaches, nearest first; none when it leads elsewhere.

        Raises: InputError when it reaches more than one user, or names one as `label_of` would not.
        """
        if any(part not in (USER, label) for part, label in zip(self.template, prefix, strict=False)):
            return []
        if len(prefix) <= self._depth:
            raise InputError(f"a search is of one user; begin the namespace with {self.template[: self._depth + 1]!r}")
        user = user_of(prefix[self._depth])
        rest = prefix[len(self.template) :]
        kinds = (Kind.SEMANTIC, *(kind for kind in Kind if kind is not Kind.SEMANTIC))
        return [Place(user=user, kind=k) for k in kinds if self.of(user, k)[len(self.template) :][: len(rest)] == rest]


def label_of(user: str) -> str:
    """A user id as a label: what a label must not hold is percent-encoded."""
    if user == "langgraph":  # reserved as a first label
        return "%6Canggraph"
    return user.replace("%", "%25").replace(".", "%2E").replace("\0", "%00")


def user_of(label: str) -> str:
    """The user id that `label_of` wrote as this label.

    Raises: InputError when it wrote none so: a label that is a bare id with a percent sign would be another's.
    """
    user = unquote(label)
    if label_of(user_id(user)) != label:
        raise InputError(f"{label[:80]!r} is no label of a user; `store.namespace(user)` writes a user id as one")
    return user


def fits(namespace: Namespace, condition: MatchCondition) -> bool:
    """Whether a namespace meets a condition of `list_namespaces`; `*` stands for any label."""
    path = condition.path
    labels = namespace[: len(path)] if condition.match_type == "prefix" else namespace[-len(path) :]
    return len(labels) == len(path) and all(p in ("*", label) for p, label in zip(path, labels, strict=True))
