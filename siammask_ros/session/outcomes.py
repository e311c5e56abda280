"""Reports the outcome of requests to their callers, outside the session's lock."""

from __future__ import annotations

import logging

from siammask_ros.session.requests import OnDone, Outcome
from siammask_ros.session.state import SessionState

_log = logging.getLogger(__name__)


class OutcomeReporter:
    """Calls ``on_done`` of each request that has ended, and ``on_refusal`` for the refused ones."""

    def __init__(self, shared: SessionState, on_refusal: OnDone) -> None:
        self._shared = shared
        self._on_refusal = on_refusal

    def report(self) -> None:
        """Report the outcomes since the last call; the caller must not hold the lock."""
        shared = self._shared
        with shared.condition:
            outcomes = shared.requests.take_outcomes()
            for outcome in outcomes:
                if outcome.is_refusal:
                    shared.record.add_refused_box(shared.clock(), outcome.reason)
        for outcome in outcomes:
            _call(outcome.on_done, outcome)
            if outcome.is_refusal:
                _call(self._on_refusal, outcome)


def _call(callback: OnDone, outcome: Outcome) -> None:
    try:
        callback(outcome.target_id, outcome.reason)
    except Exception:
        # An error in a caller's callback must not end the worker or lose a frame.
        _log.exception("exception in the callback of a request; tracking continues")
