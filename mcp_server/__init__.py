"""Reserved for the Model Context Protocol server over the operations of `persona_graph`; not written yet."""
