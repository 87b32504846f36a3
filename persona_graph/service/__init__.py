"""`Persona`: the service. Every operation takes a user id; `persona.user("ana")` is a bound view.

persona = Persona.open("sqlite:./memory", model="ollama:llama3.2")
persona.chat("ana", "I moved to Lisbon last week.").text        # sync
await persona.achat("ana", "Where do I live?")                  # async: the same coroutine
"""

from persona_graph.service.forgetting import Forgotten
from persona_graph.service.health import Cured
from persona_graph.service.looking import Personality
from persona_graph.service.persona import Persona, User
from persona_graph.service.talking import Reply
from persona_graph.service.upkeep import Flushed

__all__ = ["Cured", "Flushed", "Forgotten", "Persona", "Personality", "Reply", "User"]
