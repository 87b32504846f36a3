"""Weaviate servers for benches and tests, and what the store on one is measured by."""
