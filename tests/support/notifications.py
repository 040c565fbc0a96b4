"""An operator's webhook and the automations of deployments/automations on a Prefect server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from prefect.events.schemas.automations import AutomationCore

AUTOMATIONS = sorted((Path(__file__).parents[2] / "deployments/automations").glob("*.yaml"))


@dataclass
class Webhook:
    """What arrived at a receiver of notifications."""

    url: str
    arrived: list[dict[str, str]] = field(default_factory=list)

    def subjects(self) -> list[str]:
        return [message["subject"] for message in self.arrived]


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A receiver on this machine for as long as the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.arrived.append(json.loads(text))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            """Tests say what arrived."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Webhook(f"http://127.0.0.1:{server.server_port}/")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def automation(path: Path, blocks: dict[str, UUID], **trigger: Any) -> AutomationCore:
    """What a file describes, with the ids of the blocks that it names by type and name.

    Args:
        blocks: type/name to the id on this server.
        trigger: what is different in its trigger.
    """
    described = yaml.safe_load(path.read_text())
    described["trigger"] |= trigger
    for action in described["actions"]:
        action["block_document_id"] = blocks[action["block_document_id"]]
    return AutomationCore.model_validate(described)
