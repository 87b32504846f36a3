"""What is remembered: values, operations, commits and the stores that keep them."""
