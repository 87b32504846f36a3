"""Benchmarks, one program each; every one ends with one line of JSON that holds all its figures."""
