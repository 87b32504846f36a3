"""`WeaviateStore`: everything one user has in one tenant of a Weaviate server or cluster."""
