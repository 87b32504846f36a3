"""The two stages as LangGraph graphs."""
