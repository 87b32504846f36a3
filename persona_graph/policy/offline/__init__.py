"""A policy of rules: no model, no network, no key; for a first run, tests and the demo."""

from __future__ import annotations

from persona_graph.policy.offline.policy import OfflinePolicy

__all__ = ["OfflinePolicy"]
