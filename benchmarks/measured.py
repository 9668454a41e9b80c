"""How long something takes and how much memory, in a process of its own so that nothing adds up."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Measured(Generic[T]):
    """A result with its wall-clock seconds and the process's peak of resident memory, in MB."""

    result: T
    seconds: float
    peak_mb: float


def measured(function: Callable[..., T], *arguments: Any, **named: Any) -> Measured[T]:
    """Call the function in a fresh process and measure it there, imports left out.

    Raises:
        RuntimeError: The process died, or the function raised.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(sender, function, arguments, named))
    process.start()
    sender.close()
    try:
        outcome = receiver.recv()
    except EOFError:
        outcome = RuntimeError(f"{function.__name__} died")
    process.join()
    if isinstance(outcome, BaseException):
        raise RuntimeError(f"{function.__name__} failed: {outcome}") from outcome
    return outcome


def _call(sender: Any, function: Callable[..., Any], arguments: Any, named: Any) -> None:
    try:
        started = time.perf_counter()
        result = function(*arguments, **named)
        seconds = time.perf_counter() - started
        peak = (
            max(
                resource.getrusage(who).ru_maxrss
                for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
            )
            / 1024
        )
        sender.send(Measured(result, seconds, peak))
    except BaseException as error:
        sender.send(RuntimeError(f"{type(error).__name__}: {error}"))
