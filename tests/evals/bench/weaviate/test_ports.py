"""Blocks of ports: free, and each ours alone."""

from __future__ import annotations

import pytest

from evals.bench.weaviate.ports import BLOCK, PortBlock


@pytest.mark.network
def test_blocks_of_ports_do_not_overlap() -> None:
    blocks = [PortBlock() for _ in range(20)]
    ports = {block[place] for block in blocks for place in range(BLOCK - 1)}
    for block in blocks:
        block.release()
    assert len(ports) == 20 * (BLOCK - 1)
