"""The fields of a form as browsers send them: as addresses are written, or, with a file, in parts (RFC 7578)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import FormParser, parse_options_header

from homecheck.collector.problems import Problem

FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
MAX_FORM: Final = 8_192
MOST_FIELDS: Final = 20


def read_form(body: bytes) -> dict[str, str]:
    """Return the fields of a form, each once."""
    try:
        parsed = parse_qs(body.decode("utf-8", "replace"), max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise Problem("bad-request", f"this is no form of ours: {error}") from None
    return {name: values[0] for name, values in parsed.items()}


def read_parts(body: bytes, content_type: str) -> dict[str, str]:
    """Return the fields of a form with files, one character for each byte: nobody has said how a file is written.

    Everything stays in memory; the size of `body` is bounded by whoever read it.
    """
    _, options = parse_options_header(content_type)
    fields: dict[str, str] = {}

    def keep(name: bytes | None, value: bytes) -> None:
        if len(fields) >= MOST_FIELDS:
            raise FormParserError(f"more than {MOST_FIELDS} fields")
        fields.setdefault((name or b"").decode("latin-1"), value.decode("latin-1"))

    def on_file(file: Any) -> None:
        file.file_object.seek(0)
        keep(file.field_name, file.file_object.read())

    config = {"MAX_MEMORY_FILE_SIZE": len(body) + 1, "MAX_BODY_SIZE": len(body) + 1}  # never into a file
    try:
        parser = FormParser(
            MULTIPART,
            lambda field: keep(field.field_name, field.value or b""),
            on_file,
            boundary=options.get(b"boundary", b""),
            config=config,
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise Problem("bad-request", f"this is no form of ours: {error}") from None
    return fields


def bytes_of(fields: Mapping[str, str], name: str) -> bytes:
    """Return a file, or a text, of a form that came in parts, as it was sent."""
    return fields.get(name, "").encode("latin-1")


def text_of(fields: Mapping[str, str], name: str) -> str:
    """Return a text of a form that came in parts: browsers send it in the page's own UTF-8."""
    return bytes_of(fields, name).decode("utf-8", "replace")
