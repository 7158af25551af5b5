from __future__ import annotations

import pytest

from homecheck.errors import Refused
from homecheck.fingerprint import word_list, words


def test_there_is_one_word_for_every_byte_and_each_is_short() -> None:
    listed = word_list()
    assert len(listed) == len(set(listed)) == 256
    assert all(word.isascii() and word.isalpha() and word.islower() and 3 <= len(word) <= 9 for word in listed)


def test_the_words_are_those_of_the_first_six_bytes() -> None:
    # "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" is the thumbprint in RFC 8037 A.3; it begins with 90 fa ca fe a9 b1.
    listed = word_list()
    expected = " ".join(listed[byte] for byte in (0x90, 0xFA, 0xCA, 0xFE, 0xA9, 0xB1))
    assert words("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k") == expected


def test_what_is_no_key_has_no_words() -> None:
    with pytest.raises(Refused) as caught:
        words("not a key!")
    assert caught.value.reason == "base64url"
