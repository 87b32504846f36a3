"""Measures `persona_graph`: what it finds, how fast it is, what it costs."""
