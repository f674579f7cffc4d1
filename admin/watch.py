"""What other programs look at to see whether the board is well; no texts, no names, no addresses."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue

from admin.context import board
from bbs_core.metrics import CONTENT_TYPE

watch = Blueprint("watch", __name__)


@watch.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Answer 200 while the board is well, 503 while it is not."""
    status = board().health()["status"]
    return jsonify(status=status), 200 if status == "ok" else 503


@watch.get("/metrics")
def metrics() -> ResponseReturnValue:
    """Answer what Prometheus reads."""
    return Response(board().metrics(), content_type=CONTENT_TYPE)
