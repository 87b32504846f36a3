"""The Update stage: what waits in the outbox, what each job reads and writes, and who runs them."""
