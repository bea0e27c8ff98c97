"""
Observing: what is told of each request after its answer, for metrics and tracing.

Decided here: the facts of an `Observation`; an observer that fails changes no answer. The path is
not told: it has ids in it, and a counter for each of them would fill a memory.
"""

import logging
import re
from collections.abc import Callable

import attrs

_log = logging.getLogger("bankcore.flask")

# As the W3C's Trace Context has it: a version after the first may have more behind it. What is
# anything else begins no trace of anybody's.
_is_traceparent = re.compile(
    "(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
    "((?<!^00-.{52})-[!-~]{0,200})?",
    re.ASCII,
).fullmatch


@attrs.frozen
class Observation:
    """
    One request, after its answer.

    Attributes:
        request_id: The ``X-Request-Id`` of the answer.
        action: The operation (an ``operationId`` of the document); None where there is none.
        method: The method of HTTP.
        status: The status of the answer.
        code: The code of the problem; None where the answer is none.
        principal: The id of the sender; None if it is not known.
        seconds: The time from the request's arrival at the blueprint to the answer.
        traceparent: The request's header of this name, if it is one by the W3C's Trace Context.
    """

    request_id: str
    action: str | None
    method: str
    status: int
    code: str | None
    principal: str | None
    seconds: float
    traceparent: str | None


#: Called once for each request, after its answer is made.
Observe = Callable[[Observation], object]


def traceparent_of(header: str | None) -> str | None:
    return header if header is not None and _is_traceparent(header) else None


def tell(observe: Observe, observation: Observation) -> None:
    """Call *observe*; what it raises is logged, and the request is answered all the same."""
    try:
        observe(observation)
    except Exception:  # noqa: BLE001  # whatever an application's function raises
        _log.exception("The observer of requests failed.")
