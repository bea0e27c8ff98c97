"""
Texts: the words that people add to what they ask for.

Decided here: a description, or a reason, is one line of text of a bounded length, in
Unicode's composed form (NFC), so that what is stored is what was meant and can be shown
anywhere.
"""

import unicodedata
from typing import Final

from bankcore.values._errors import InvalidTextError, shown

#: The longest description or reason, in characters.
DESCRIPTION_LENGTH_MAX: Final = 500


def to_line(value: object) -> str:
    """
    *value* as one line of text in Unicode's composed form.

    Raises:
        InvalidTextError: If it is no text, is longer than 500 characters, or has control
            characters.
    """
    # The way of nearly every text, in one step.
    if (
        type(value) is str
        and len(value) <= DESCRIPTION_LENGTH_MAX
        and value.isascii()
        and value.isprintable()
    ):
        return value
    if not isinstance(value, str):
        raise InvalidTextError(shown(value), "a description or a reason is text")
    text = str.__str__(value)
    if len(text) > DESCRIPTION_LENGTH_MAX:
        raise InvalidTextError(
            shown(text),
            f"a description or a reason has at most {DESCRIPTION_LENGTH_MAX} characters",
        )
    text = unicodedata.normalize("NFC", text)
    # Cc controls, Cs lone surrogates, Zl and Zp line breaks. Format characters (Cf) stay:
    # emoji and some scripts need them.
    if len(text) > DESCRIPTION_LENGTH_MAX or any(
        unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text
    ):
        raise InvalidTextError(
            shown(text), "a description or a reason is one line, with no control characters"
        )
    return text


def to_line_or_none(value: object) -> str | None:
    """
    *value* as one line of text; None stays None.

    Raises:
        InvalidTextError: As `to_line` does.
    """
    return None if value is None else to_line(value)
