"""Who does the jobs: a chat model, or rules."""
