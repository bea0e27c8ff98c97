"""
Texts: descriptions, reasons and the values of metadata.

Decided here: each is one line of text of a limited length, in Unicode's composed form (NFC), so
that it is stored as it was meant and can be shown anywhere.
"""

import unicodedata
from typing import Final

from bankcore.values._errors import InvalidTextError, shown

#: The form of one line, as JSON Schema has it: no control characters, no separators of lines.
LINE_PATTERN: Final = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$"
#: The longest description or reason, in characters.
DESCRIPTION_LENGTH_MAX: Final = 500


def to_line_or_none(value: object, field: str = "description") -> str | None:
    """Return *value* as one line of text, in form NFC, or None; an error names *field*."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidTextError(shown(value), "must be text").about(field)
    line = to_line(value, DESCRIPTION_LENGTH_MAX)
    if line is not None:
        return line
    limit = f"at most {DESCRIPTION_LENGTH_MAX} characters, with no control characters"
    raise InvalidTextError(shown(value), f"must be one line of {limit}").about(field)


def to_line(value: str, length_max: int) -> str | None:
    """Return *value* in form NFC; None unless it is one line of at most so many characters."""
    text = str.__str__(value)
    # Length first: normalizing a text of megabytes is slow.
    if len(text) > length_max:
        return None
    if text.isascii() and text.isprintable():
        return text
    text = unicodedata.normalize("NFC", text)
    # Cc controls, Cs lone surrogates, Zl and Zp line breaks. Format characters (Cf) stay:
    # emoji and some scripts need them.
    if len(text) > length_max or any(
        unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"} for each in text
    ):
        return None
    return text
