"""
Texts: descriptions and reasons.

Decided here: a description or a reason is one line of text of a limited length, in Unicode's
composed form (NFC), so that it is stored as it was meant and can be shown anywhere.
"""

import unicodedata
from typing import Final

from bankcore.values._errors import InvalidTextError, shown

#: The longest description or reason, in characters.
DESCRIPTION_LENGTH_MAX: Final = 500


def to_line_or_none(value: object, field: str = "description") -> str | None:
    """Return *value* as one line of text, in form NFC, or None; an error names *field*."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidTextError(shown(value), "must be text").about(field)
    text = str.__str__(value)
    # Length first: normalizing a text of megabytes is slow.
    if len(text) <= DESCRIPTION_LENGTH_MAX:
        if text.isascii() and text.isprintable():
            return text
        text = unicodedata.normalize("NFC", text)
        # Cc controls, Cs lone surrogates, Zl and Zp line breaks. Format characters (Cf) stay:
        # emoji and some scripts need them.
        if len(text) <= DESCRIPTION_LENGTH_MAX and not any(
            unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"} for each in text
        ):
            return text
    limit = f"at most {DESCRIPTION_LENGTH_MAX} characters, with no control characters"
    raise InvalidTextError(shown(text), f"must be one line of {limit}").about(field)
