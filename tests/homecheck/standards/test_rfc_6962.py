"""The Merkle tree against the published proofs, the tree printed in RFC 6962's own test code, and a naive tree."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from homecheck.standards.rfc_6962 import (
    BadProof,
    Frontier,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "merkle"
INCLUSION: dict[str, dict[str, Any]] = json.loads((VECTORS / "inclusion.json").read_text(encoding="utf-8"))
CONSISTENCY: dict[str, dict[str, Any]] = json.loads((VECTORS / "consistency.json").read_text(encoding="utf-8"))
# Its roots are 11 bytes of text, and it is held to be good; a hash of ours has 32 bytes or is refused.
NO_HASHES = "additional/sizes-are-equal-one-and-proof-is-empty.json"

# The leaves and roots that certificate-transparency-go and transparency-dev/merkle use (testonly/constants.go).
LEAVES = [bytes.fromhex(one) for one in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"
)]  # fmt: skip
ROOTS = [bytes.fromhex(one) for one in (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)]  # fmt: skip


def decoded(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def naive_root(leaves: list[bytes]) -> bytes:
    """Return the Merkle tree hash as RFC 6962 2.1 defines it, in its own words."""
    n = len(leaves)
    if n == 0:
        return hashlib.sha256(b"").digest()
    if n == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < n:
        k *= 2
    return hashlib.sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def grown(leaves: list[bytes]) -> tuple[Frontier, dict[tuple[int, int], bytes]]:
    """Return the frontier after one leaf after the other, and every full subtree on the way."""
    frontier, nodes = Frontier(), {}
    for number, leaf in enumerate(leaves):
        nodes[0, number] = leaf_hash(leaf)
        frontier, filled = frontier.append(nodes[0, number])
        nodes |= {(one.level, one.number): one.hash for one in filled}
    return frontier, nodes


def test_the_published_proofs_are_all_there() -> None:
    assert len(INCLUSION) + len(CONSISTENCY) == 196
    assert sum(not case["wantErr"] for case in (*INCLUSION.values(), *CONSISTENCY.values())) == 12


@pytest.mark.parametrize("name", INCLUSION)
def test_a_published_inclusion_proof_comes_out_as_it_should(name: str) -> None:
    case = INCLUSION[name]
    path = [decoded(one) for one in case["proof"] or ()]
    values = (decoded(case["leafHash"]), case["leafIdx"], case["treeSize"], path, decoded(case["root"]))
    if case["wantErr"]:
        with pytest.raises(BadProof):
            verify_inclusion(*values)
    else:
        verify_inclusion(*values)


@pytest.mark.parametrize("name", CONSISTENCY)
def test_a_published_consistency_proof_comes_out_as_it_should(name: str) -> None:
    case = CONSISTENCY[name]
    path = [decoded(one) for one in case["proof"] or ()]
    values = (case["size1"], case["size2"], path, decoded(case["root1"]), decoded(case["root2"]))
    if name == NO_HASHES:
        with pytest.raises(BadProof, match="not 32 bytes"):
            verify_consistency(*values)
    elif case["wantErr"]:
        with pytest.raises(BadProof):
            verify_consistency(*values)
    else:
        verify_consistency(*values)


def test_a_tree_of_equal_size_with_hashes_of_32_bytes_needs_an_empty_proof() -> None:
    verify_consistency(1, 1, [], ROOTS[1], ROOTS[1])
    with pytest.raises(BadProof, match="too long"):
        verify_consistency(1, 1, [ROOTS[1]], ROOTS[1], ROOTS[1])
    with pytest.raises(BadProof, match="same size"):
        verify_consistency(1, 1, [], ROOTS[1], ROOTS[2])


def test_the_roots_of_the_well_known_leaves() -> None:
    for size in range(9):
        assert grown(LEAVES[:size])[0].root() == ROOTS[size]


def test_an_empty_tree_proves_nothing() -> None:
    with pytest.raises(BadProof, match="empty log"):
        verify_consistency(0, 3, [], ROOTS[0], ROOTS[3])
    with pytest.raises(BadProof, match="no entry 0"):
        verify_inclusion(ROOTS[1], 0, 0, [], ROOTS[0])


def test_an_index_behind_the_end_and_one_before_the_beginning_are_refused() -> None:
    for index in (-1, 8, 2**64 - 1):
        with pytest.raises(BadProof, match="no entry"):
            verify_inclusion(leaf_hash(LEAVES[0]), index, 8, [], ROOTS[8])


def test_a_node_is_not_taken_for_a_leaf() -> None:
    """Else the root of two leaves would pass as the leaf of a tree of one (second preimage)."""
    assert leaf_hash(ROOTS[1] + ROOTS[1]) != node_hash(ROOTS[1], ROOTS[1])


@pytest.mark.parametrize(("size", "hashes"), [(1, ()), (2, (b"\0" * 32,) * 2), (1, (b"\0" * 31,)), (-1, ())])
def test_a_frontier_that_is_no_tree_is_refused(size: int, hashes: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match=r"tree of|32 bytes"):
        Frontier(size, hashes)


SIZES = some.integers(1, 130)


@given(SIZES, some.data())
def test_root_and_proofs_agree_with_the_naive_tree(size: int, data: some.DataObject) -> None:
    leaves = [number.to_bytes(2, "big") for number in range(size)]
    frontier, nodes = grown(leaves)
    root = naive_root(leaves)
    assert frontier.root() == root
    index = data.draw(some.integers(0, size - 1))
    path = inclusion_path(index, size, lambda level, number: nodes[level, number])
    verify_inclusion(leaf_hash(leaves[index]), index, size, path, root)
    first = data.draw(some.integers(1, size))
    proof = consistency_path(first, size, lambda level, number: nodes[level, number])
    verify_consistency(first, size, proof, naive_root(leaves[:first]), root)
    last, _ = grown(leaves[:-1])
    verify_inclusion(leaf_hash(leaves[-1]), size - 1, size, last.path_of_next(), root)


@given(SIZES, some.data())
def test_a_proof_with_one_bit_changed_one_hash_more_or_one_less_proves_nothing(
    size: int, data: some.DataObject
) -> None:
    leaves = [number.to_bytes(2, "big") for number in range(size + 1)]
    _, nodes = grown(leaves)
    first, root = data.draw(some.integers(1, size)), naive_root(leaves)
    index = data.draw(some.integers(0, size))
    proof = list(consistency_path(first, size + 1, lambda level, number: nodes[level, number]))
    path = list(inclusion_path(index, size + 1, lambda level, number: nodes[level, number]))
    claims: tuple[tuple[list[bytes], Callable[[list[bytes]], None]], ...] = (
        (proof, lambda bad: verify_consistency(first, size + 1, bad, naive_root(leaves[:first]), root)),
        (path, lambda bad: verify_inclusion(leaf_hash(leaves[index]), index, size + 1, bad, root)),
    )
    for good, verify in claims:
        verify(good)
        at = data.draw(some.integers(0, len(good) - 1))
        flipped = bytes([good[at][0] ^ 1 << data.draw(some.integers(0, 7)), *good[at][1:]])
        for bad in ([*good[:at], flipped, *good[at + 1 :]], good[:at] + good[at + 1 :], [*good, good[at]]):
            with pytest.raises(BadProof):
                verify(bad)
