"""RFC 6962 section 2.1: the Merkle tree of a log that only grows, with proofs that an entry is in it and that it grew.

    leaf   SHA-256(00 ‖ data)          node   SHA-256(01 ‖ left ‖ right)

A tree of n leaves is split at the largest power of two below n, so every node that is full once stays for ever. Proofs
are verified after RFC 9162 sections 2.1.3.2 and 2.1.4.2, with what its text leaves to the reader: no tree of size 0, no
index beyond the size, hashes of exactly 32 bytes, and no hash too few or too many.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

HASH_BYTES: Final = 32
MAX_PATH: Final = 64  # hashes; a tree of 2^63 leaves needs no more

Subtree = Callable[[int, int], bytes]
"""Returns the hash of a full subtree: `level` (0: leaves) and its number on that level, from 0."""


class BadProof(ValueError):
    """A proof does not prove what it should; the message says why."""


@dataclass(frozen=True)
class Node:
    """A full subtree: the leaves `number` · 2^level up to, without, (`number` + 1) · 2^level."""

    level: int
    number: int
    hash: bytes


@dataclass(frozen=True)
class Frontier:
    """The full subtrees that a tree of `size` leaves consists of, the largest first: all that is needed to go on."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise ValueError(f"{len(self.hashes)} subtrees cannot be a tree of {self.size} leaves")
        _check_hashes(self.hashes)

    def append(self, leaf: bytes) -> tuple[Frontier, tuple[Node, ...]]:
        """Return the frontier with one more leaf (its hash), and the subtrees above leaves that it has filled."""
        hashes, number = [*self.hashes, leaf], self.size
        filled = []
        level = 0
        while number & 1:
            right, left = hashes.pop(), hashes.pop()
            level, number = level + 1, number >> 1
            hashes.append(node_hash(left, right))
            filled.append(Node(level, number, hashes[-1]))
        return Frontier(self.size + 1, tuple(hashes)), tuple(filled)

    def root(self) -> bytes:
        """Return the hash of the tree (2.1); that of the empty tree is SHA-256 of nothing."""
        if not self.hashes:
            return hashlib.sha256().digest()
        found = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            found = node_hash(left, found)
        return found

    def path_of_next(self) -> tuple[bytes, ...]:
        """Return the audit path (2.1.1) of the leaf that comes next, in the tree that ends with it."""
        return self.hashes[::-1]


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf (2.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node (2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_hash(size: int, subtree: Subtree) -> bytes:
    """Return the hash (2.1) of the tree of the first `size` leaves, at least 1."""
    _check_sizes(size, size)
    return _hash(0, size, subtree)


def inclusion_path(index: int, size: int, subtree: Subtree) -> tuple[bytes, ...]:
    """Return the audit path (2.1.1) of the leaf `index` in the tree of `size` leaves, the leaf's sibling first."""
    _check_index(index, size)
    return tuple(_path(index, 0, size, subtree))


def consistency_path(first: int, second: int, subtree: Subtree) -> tuple[bytes, ...]:
    """Return the proof (2.1.2) that the tree of `second` leaves begins with the tree of `first`."""
    _check_sizes(first, second)
    return () if first == second else tuple(_subproof(first, 0, second, subtree, whole=True))


def root_of_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root to which an audit path leads from a leaf's hash (RFC 9162 2.1.3.2). Raises BadProof."""
    _check_index(index, size)
    _check_hashes((leaf, *path))
    found, number, last = leaf, index, size - 1
    for sibling in path:
        if last == 0:
            raise BadProof("the proof is too long")
        if number & 1 or number == last:
            found = node_hash(sibling, found)
            while number and not number & 1:  # up to where it is a right child: no sibling on the way
                number, last = number >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        number, last = number >> 1, last >> 1
    if last:
        raise BadProof("the proof is too short")
    return found


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Return when the leaf (its hash) stands at `index` in the tree of this size and root. Raises BadProof."""
    _check_hashes((root,))
    if root_of_path(leaf, index, size, path) != root:
        raise BadProof("the proof leads to another root: the entry is not in this log")


def verify_consistency(first: int, second: int, path: Sequence[bytes], first_root: bytes, second_root: bytes) -> None:
    """Return when the larger tree begins with the smaller one (RFC 9162 2.1.4.2). Raises BadProof."""
    _check_sizes(first, second)
    _check_hashes((first_root, second_root, *path))
    if first == second:
        _check_equal(path, first_root, second_root)
        return
    hashes = list(path) if first & (first - 1) else [first_root, *path]
    if not hashes:
        raise BadProof("the proof is too short")
    number, last = first - 1, second - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise BadProof("the proof is too long")
        if number & 1 or number == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        number, last = number >> 1, last >> 1
    if last:
        raise BadProof("the proof is too short")
    if old != first_root or new != second_root:
        raise BadProof(f"the tree of {second} does not begin with the tree of {first}: the log was rewritten")


def _path(index: int, begin: int, end: int, subtree: Subtree) -> Iterator[bytes]:
    if end - begin == 1:
        return
    middle = begin + _split(end - begin)
    if index < middle:
        yield from _path(index, begin, middle, subtree)
        yield _hash(middle, end, subtree)
    else:
        yield from _path(index, middle, end, subtree)
        yield _hash(begin, middle, subtree)


def _subproof(first: int, begin: int, end: int, subtree: Subtree, *, whole: bool) -> Iterator[bytes]:
    """Yield SUBPROOF (2.1.2); `whole` says that the verifier knows the hash of `begin` to `end` already."""
    if first == end:
        if not whole:
            yield _hash(begin, end, subtree)
        return
    middle = begin + _split(end - begin)
    if first <= middle:
        yield from _subproof(first, begin, middle, subtree, whole=whole)
        yield _hash(middle, end, subtree)
    else:
        yield from _subproof(first, middle, end, subtree, whole=False)
        yield _hash(begin, middle, subtree)


def _hash(begin: int, end: int, subtree: Subtree) -> bytes:
    """Return the hash of the leaves from `begin`, without `end`; only the right edge has to be put together."""
    leaves = end - begin
    if leaves & (leaves - 1) == 0:
        level = leaves.bit_length() - 1
        return subtree(level, begin >> level)
    middle = begin + _split(leaves)
    return node_hash(_hash(begin, middle, subtree), _hash(middle, end, subtree))


def _split(leaves: int) -> int:
    """Return the largest power of two below `leaves`, which is at least 2."""
    return 1 << (leaves - 1).bit_length() - 1


def _check_index(index: int, size: int) -> None:
    if not 0 <= index < size:
        raise BadProof(f"a log of {size} entries has no entry {index}")


def _check_sizes(first: int, second: int) -> None:
    if first < 1:
        raise BadProof("an empty log proves nothing")
    if first > second:
        raise BadProof(f"a log of {second} entries cannot have grown from one of {first}")


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if len(hashes) > MAX_PATH + 2:
        raise BadProof(f"{len(hashes)} hashes are more than any proof has")
    if not set(map(len, hashes)) <= {HASH_BYTES}:
        raise BadProof(f"a hash has not {HASH_BYTES} bytes")


def _check_equal(path: Sequence[bytes], first_root: bytes, second_root: bytes) -> None:
    if path:
        raise BadProof("the proof is too long")
    if first_root != second_root:
        raise BadProof("two logs of the same size have different roots: the log was rewritten")
