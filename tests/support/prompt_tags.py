"""The tags of a rendered prompt: what may stand in it is ours alone, whatever the data says."""

from __future__ import annotations

import re

TAG = re.compile(r"</?[a-z_]+[^<>]*>")


def tags(prompt: str) -> list[str]:
    """The tags in order, each with the path of those around it; what attributes say is left out.

    Fails where they do not nest.
    """
    found: list[str] = []
    path: list[str] = []
    for tag in TAG.findall(prompt):
        name = re.split(r"[ >/]", tag.removeprefix("</").removeprefix("<"))[0]
        if tag.startswith("</"):
            assert path.pop() == name
        else:
            path.append(name)
        found.append("/".join(path) + " " + re.sub(r'"[^"]*"', '""', tag))
    assert path == []
    return found
