"""
The order of refusals as the code has it: the engine's own steps, and those of the guards.
"""

import re

from bankcore.accounts._guards import STEPS
from bankcore.bank import _decide

Step = tuple[str, list[str]]


def order_of_refusals() -> list[Step]:
    """
    Each step's number, and the names of the errors that it may give, in their order.
    """
    items = re.findall(r"(?m)^(\d+)\. +((?:.+\n)(?: {4}.+\n)*)", _decide.__doc__ or "")
    texts = [text for _, text in items]
    assert [str(number) for number in range(1, len(texts) + 1)] == [number for number, _ in items]
    texts += ["\n".join(str(guard.__doc__) for guard in step) for step in STEPS]
    return [
        (str(number), re.findall(r"`(\w+Error)`", text)) for number, text in enumerate(texts, 1)
    ]
