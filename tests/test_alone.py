"""What runs beside other tests has a name of its own: pytest-xdist runs each name once, and says nothing."""

from __future__ import annotations

import pytest

from tests.alone import check_names


def test_two_tests_of_one_name_are_refused_where_one_would_never_run(request: pytest.FixtureRequest) -> None:
    check_names([request.node])
    with pytest.raises(pytest.UsageError, match="one_would_never_run: name them apart"):
        check_names([request.node, request.node])
