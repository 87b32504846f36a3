"""How things look on the terminal: turns, memories, receipts, the personality."""
