"""Log lines that say to which step they belong, in the ids that the trace has."""

from __future__ import annotations

import logging

from stanchion.ledger import span_id, trace_context
from stanchion.workflows import current_step

__all__ = ["TraceFilter"]


class TraceFilter(logging.Filter):
    """Adds ``run``, ``trace_id`` and ``span_id`` to every record, empty outside a run.

    For a handler, so that lines of all loggers have them: ``handler.addFilter(TraceFilter())``.
    Lets everything pass.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the ids."""
        now = current_step()
        record.run = record.trace_id = record.span_id = ""
        if now is not None:
            run, place = now
            record.run = run.id
            record.trace_id = trace_context(run.id, run.tags).trace_id.hex()
            record.span_id = span_id(run.id, place).hex()
        return True
