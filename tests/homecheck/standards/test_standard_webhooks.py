"""The specification's own example, and the reference library as the receiver."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
import standardwebhooks

from homecheck.standards.standard_webhooks import SCHEDULE, headers, secret_text, signature

# From the test suites of the reference libraries (all languages use these values).
SECRET = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIME = 1614265330
BODY = b'{"test": 2432232314}'


def test_the_example_of_the_reference_libraries() -> None:
    assert signature(SECRET, ID, TIME, BODY) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert secret_text(SECRET) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize("secret", [SECRET, bytes(range(64))])
def test_the_reference_library_takes_what_we_sign(secret: bytes) -> None:
    now = int(datetime.now(UTC).timestamp())
    signed = headers([secret], ID, now, '{"name":"ü"}'.encode())
    assert standardwebhooks.Webhook(secret_text(secret)).verify('{"name":"ü"}', signed) == {"name": "ü"}


def test_while_a_secret_changes_holders_of_either_are_served_and_others_are_not() -> None:
    now = int(datetime.now(UTC).timestamp())
    old, new, other = (bytes([number]) * 32 for number in (1, 2, 3))
    body = json.dumps({"n": 1})
    signed = headers([new, old], ID, now, body.encode())
    for secret in (old, new):
        assert standardwebhooks.Webhook(secret_text(secret)).verify(body, signed) == {"n": 1}
    with pytest.raises(standardwebhooks.webhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret_text(other)).verify(body, signed)


def test_a_message_is_tried_for_three_days() -> None:
    assert sum(SCHEDULE) / 86_400 == pytest.approx(3.1, abs=0.1)
