"""The demo: two processes, one memory, and a check of everything that it claims."""
