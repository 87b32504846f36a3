"""All seven jobs, in the order in which a turn meets them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from persona_graph.jobs.extract_semantic import EXTRACT_SEMANTIC
from persona_graph.jobs.infer_personality import INFER_PERSONALITY
from persona_graph.jobs.job import Job
from persona_graph.jobs.reason import REASON
from persona_graph.jobs.respond import RESPOND
from persona_graph.jobs.segment_episodes import SEGMENT_EPISODES
from persona_graph.jobs.update_core import UPDATE_CORE
from persona_graph.jobs.update_procedural import UPDATE_PROCEDURAL

JOBS: tuple[Job[Any, Any], ...] = (
    REASON,
    RESPOND,
    INFER_PERSONALITY,
    EXTRACT_SEMANTIC,
    SEGMENT_EPISODES,
    UPDATE_CORE,
    UPDATE_PROCEDURAL,
)
BY_NAME: Mapping[str, Job[Any, Any]] = {job.name: job for job in JOBS}
