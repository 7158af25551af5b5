"""UUID version 7 against the example of RFC 9562 appendix A.6, and Python's own reading of UUIDs."""

from __future__ import annotations

import uuid

import pytest

from homecheck.standards.rfc_9562 import is_uuid7, unix_ms, uuid7

# Appendix A.6: unix_ts_ms 0x017F22E279B0, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F
EXAMPLE = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
EXAMPLE_MS = 1_645_557_742_000  # 2022-02-22 19:22:22 UTC


def test_the_example_of_the_standard() -> None:
    # 80 random bits, of which version (4) and variant (2) are overwritten: 0xCC3 after 4 bits, then 0x18C4… after 2.
    random = bytes.fromhex("0cc318c4dc0c0c07398f")
    assert uuid7(EXAMPLE_MS, random) == EXAMPLE
    assert unix_ms(EXAMPLE) == EXAMPLE_MS


@pytest.mark.parametrize("random", [bytes(10), b"\xff" * 10])
@pytest.mark.parametrize("moment", [0, 1, 2**48 - 1])
def test_version_and_variant_stand_whatever_the_random_bits(moment: int, random: bytes) -> None:
    made = uuid7(moment, random)
    assert uuid.UUID(made).variant == uuid.RFC_4122
    assert uuid.UUID(made).version == 7
    assert is_uuid7(made)
    assert unix_ms(made) == moment


def test_later_ones_sort_later() -> None:
    assert uuid7(1, b"\xff" * 10) < uuid7(2, bytes(10))


@pytest.mark.parametrize(("moment", "random"), [(-1, bytes(10)), (2**48, bytes(10)), (0, bytes(9)), (0, bytes(11))])
def test_what_does_not_fit_is_refused(moment: int, random: bytes) -> None:
    with pytest.raises(ValueError, match="10 random bytes and 48 bits"):
        uuid7(moment, random)


@pytest.mark.parametrize(
    "text",
    [
        "",
        EXAMPLE.upper(),
        EXAMPLE.replace("-", ""),
        "{" + EXAMPLE + "}",
        "urn:uuid:" + EXAMPLE,
        EXAMPLE + "\n",
        "017f22e2-79b0-4cc3-98c4-dc0c0c07398f",  # version 4
        "017f22e2-79b0-7cc3-c8c4-dc0c0c07398f",  # another variant
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
    ],
)
def test_there_is_one_spelling(text: str) -> None:
    assert not is_uuid7(text)
