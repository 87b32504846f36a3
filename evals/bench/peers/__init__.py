"""The systems that our search is measured beside, each searched over the same texts and vectors."""
