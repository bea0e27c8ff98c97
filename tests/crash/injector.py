"""
An exception at one bytecode of a call, as a signal's handler may raise it.
"""

import gc
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import attrs

_FINALIZE: Final = weakref.finalize.__call__.__code__


@attrs.define
class Injector:
    """
    Raises *error* at the *at*-th bytecode of a call, of those in files that *is_counted* takes; or
    at the next one, where Python would swallow it.
    """

    at: int
    error: BaseException
    is_counted: Callable[[str], bool] = lambda name: True
    #: How many were reached, and where the error was raised.
    count: int = 0
    where: str = ""

    # From Python 3.12 on, a tracing function is not told of every bytecode: in 3.13 of none in a
    # function that was just called without one.
    if sys.version_info >= (3, 12):

        def run(self, call: Callable[[], object]) -> object:
            """
            Make the call in this thread, and return what it returns.
            """
            monitoring, thread = sys.monitoring, threading.get_ident()
            tool, event = monitoring.DEBUGGER_ID, monitoring.events.INSTRUCTION

            def on_instruction(code: CodeType, offset: int) -> None:
                if threading.get_ident() == thread and self._is_watched(code):
                    self._step(sys._getframe(1))

            monitoring.use_tool_id(tool, "injector")
            monitoring.register_callback(tool, event, on_instruction)
            monitoring.set_events(tool, event)
            try:
                return call()
            finally:
                monitoring.set_events(tool, 0)
                monitoring.register_callback(tool, event, None)
                monitoring.free_tool_id(tool)

    else:

        def run(self, call: Callable[[], object]) -> object:
            """
            Make the call in this thread, and return what it returns.
            """
            before = sys.gettrace()
            sys.settrace(self._on_call)
            try:
                return call()
            finally:
                sys.settrace(before)

        def _on_call(self, frame: FrameType, event: str, argument: object) -> Any:
            if not self._is_watched(frame.f_code):
                return None
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
            return self._on_event

        def _on_event(self, frame: FrameType, event: str, argument: object) -> Any:
            if event == "opcode":
                self._step(frame)
            return self._on_event

    def _is_watched(self, code: CodeType) -> bool:
        name = code.co_filename
        # Neither here nor in the machinery of imports, whose locks are Python's own.
        is_other = name != __file__ and not name.startswith("<frozen importlib")
        return is_other and self.is_counted(name)

    def _step(self, frame: FrameType) -> None:
        self.count += 1
        if 0 < self.at <= self.count and not self.where and not _is_swallowed(frame):
            code = frame.f_code
            self.where = f"{Path(code.co_filename).name}:{frame.f_lineno} {code.co_name}"
            raise self.error


def _is_swallowed(frame: FrameType | None) -> bool:
    """Return whether the garbage collector has called it: Python swallows what is raised there."""
    callbacks = {getattr(each, "__code__", None) for each in gc.callbacks}
    while frame is not None:
        code = frame.f_code
        if code in callbacks or code is _FINALIZE or code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False
