"""The compose files as processes: their own environment, with the ports and folders of this machine in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from evals.bench.weaviate.server import HOST, WeaviateServer

DEPLOY = Path(__file__).parents[2] / "deploy"
_VALUE = re.compile(r"\$\{(\w+)(?::([-?])([^{}]*))?\}")


class Unset(Exception):
    """A variable that has to be set."""


def services(file: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """The services of a compose file, with what `.env` says put in."""

    def value(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if variables.get(name):
            return variables[name]
        if kind == "?":
            raise Unset(f"{name}: {rest}")
        return rest or ""

    def filled(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: filled(one) for name, one in part.items()}
        if isinstance(part, list):
            return [filled(one) for one in part]
        while isinstance(part, str) and _VALUE.search(part):  # one may stand within another
            part = _VALUE.sub(value, part)
        return part

    made: dict[str, Any] = filled(yaml.safe_load((DEPLOY / file).read_text(encoding="utf-8"))["services"])
    return made


class Deployed(WeaviateServer):
    """A node as a compose file describes it; of ours are its ports and folders alone."""

    def __init__(self, service: Mapping[str, Any]) -> None:
        super().__init__(backups=True)
        self.service: Mapping[str, Any] = service
        self.name = service["environment"]["CLUSTER_HOSTNAME"]
        self.nodes: Sequence[Deployed] = (self,)

    def _environment(self) -> dict[str, str]:
        ours, theirs = super()._environment(), dict(self.service["environment"])
        places = [name for name in ours if name.endswith(("_PORT", "_PATH", "_ADDR", "_IN_LOCALHOST"))]
        for name, of_node in (("RAFT_JOIN", _raft), ("CLUSTER_JOIN", _gossip)):
            if name in theirs:
                known = {node.name: of_node(node) for node in self.nodes}
                theirs[name] = ",".join(known[one.partition(":")[0]] for one in theirs[name].split(","))
        return theirs | {name: ours[name] for name in places}


def _raft(node: Deployed) -> str:
    return f"{node.name}:{node.raft_port}"


def _gossip(node: Deployed) -> str:
    return f"{HOST}:{node.gossip_port}"
