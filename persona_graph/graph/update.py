"""The Update stage (paper section 3.3) for one user: claim the next open job, do it, until none is due.

claim -> infer_personality | extract_semantic | segment_episodes | update_procedural | update_core -> claim ...
"""

from __future__ import annotations

from typing import Any

from persona_graph.engine import Engine
from persona_graph.graph.context import Emit, PersonaContext
from persona_graph.graph.state import UpdateState
from persona_graph.update import drain
from persona_graph.update.delivery import deliver
from persona_graph.update.outbox import closing_of

WORKER = "graph"
"""What claims of a graph's run are signed with; runs of one user wait for each other."""


async def claim(engine: Engine, context: PersonaContext, emit: Emit, state: UpdateState) -> dict[str, Any]:
    """Take the next due job; before the first, close sessions if asked to."""
    if "done" not in state:
        await deliver(engine, context.user)
    if state.get("close_sessions"):
        jobs = await engine.store.jobs(context.user)
        await engine.store.append(context.user, [], closing_of(jobs, now=engine.clock()))
    if "done" not in state:
        await drain.embed_pending(engine, context.user)
    job = await drain.claim(engine, context.user, f"{WORKER}-{engine.new_id()[:8]}")
    if job is None:
        await drain.embed_pending(engine, context.user)
    return {"job": job, "done": state.get("done", 0), "close_sessions": False}


async def work(engine: Engine, context: PersonaContext, emit: Emit, state: UpdateState) -> dict[str, Any]:
    """Gather what the job reads, ask the policy, commit what it says."""
    job = state.get("job")
    if job is None:  # restarted from a checkpoint: the claim will run out and the job comes again
        return {}
    done = await drain.run_job(engine, context.user, job)
    return {"done": state.get("done", 0) + done}


def after_claim(state: UpdateState) -> str:
    """The job's own node, or the end."""
    job = state.get("job")
    return job.name if job is not None else "__end__"
