"""Migration: users from one store to another, verified item by item; whoever stops it starts it again."""

from persona_graph.migration.difference import Difference, Part
from persona_graph.migration.move import Moved, migrate

__all__ = ["Difference", "Moved", "Part", "migrate"]
