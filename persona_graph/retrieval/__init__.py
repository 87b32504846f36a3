"""How memory is searched: text analysis, ranking and the one function `retrieve`."""
