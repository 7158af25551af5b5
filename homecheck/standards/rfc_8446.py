"""RFC 8446: how much of what TCP carries is payload under TLS 1.3."""

from __future__ import annotations

from typing import Final

RECORD_BYTES: Final = 16_384  # of plaintext in a full record (5.1)
OVERHEAD_BYTES: Final = 22  # of header (5), content type (1) and the tag of an AEAD (16), clause 5.2
PAYLOAD_SHARE: Final = RECORD_BYTES / (RECORD_BYTES + OVERHEAD_BYTES)  # of a stream of full records
