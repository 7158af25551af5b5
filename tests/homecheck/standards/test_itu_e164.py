from __future__ import annotations

import pytest

from homecheck.standards.itu_e164 import number


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("+46 8 123 456 78", "+46812345678"),
        ("+1 (415) 555-0132", "+14155550132"),
        ("  +49/30.1234567 ", "+49301234567"),
        ("+47\u00a022\u00a012\u00a034\u00a056", "+4722123456"),
        ("+290 2 1234", "+29021234"),  # St Helena: among the shortest there are
        ("+123456789012345", "+123456789012345"),  # 15 digits, the most
    ],
)
def test_a_number_is_taken_as_people_write_it(written: str, plain: str) -> None:
    assert number(written) == plain


@pytest.mark.parametrize(
    "written",
    ["", "08 123 456 78", "0046812345678", "+46", "+1234567890123456", "+0461234567", "+46 8 CALL ME",
     "+46 (0)8 123456", "++46812345678", "+46812345678;ext=1", "+٤٦٨١٢٣٤٥٦٧٨", "\n"],
)  # fmt: skip
def test_what_is_no_international_number_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"telephone number|not dialled from abroad"):
        number(written)
