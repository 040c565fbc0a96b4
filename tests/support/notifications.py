"""An operator's webhook, and the project's automations on a Prefect server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State

from flows.server.automations import align_automations
from tests.support.http_server import answering


@dataclass
class Webhook:
    """What arrived at a receiver of notifications."""

    url: str
    arrived: list[dict[str, str]] = field(default_factory=list)

    def subjects(self, word: str) -> list[str]:
        """Of the messages whose subject has that word."""
        return [message["subject"] for message in self.arrived if word in message["subject"]]


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

    with answering(Handler) as address:
        receiver = Webhook(f"{address}/")
        yield receiver


@contextmanager
def an_operator(client: SyncPrefectClient) -> Iterator[Webhook]:
    """What an operator is told, with every automation of the project as it is applied."""
    with webhook() as receiver:
        block = CustomWebhookNotificationBlock(
            name="magnumhub", url=receiver.url, json_data={"subject": "{{subject}}", "text": "{{body}}"}
        )
        block.save("magnumhub", overwrite=True)
        deploy_mark_crashed(client)
        applied = align_automations()
        yield receiver
        for name in applied:
            for automation in client.read_automations_by_name(name):
                client.delete_automation(automation.id)


@flow(name="mark_crashed")
def mark_crashed() -> None:
    """What an automation starts; nobody carries it out."""


def deploy_mark_crashed(client: SyncPrefectClient) -> UUID:
    """Let the server have the deployment that an automation names."""
    return client.create_deployment(client.create_flow(mark_crashed), "mark_crashed")


@flow(name="check_health")
def check_health() -> None:
    """Another flow of that name: what happens to runs is told by the server, whoever runs them."""


@flow(name="check_fleet")
def check_fleet() -> None:
    """The same for the summary of all sites."""


@flow(name="provision")
def provision() -> None:
    """The same for a flow that changes a site."""


@flow
def another_flow() -> None:
    """Its runs are nobody's check."""


def put_into(client: SyncPrefectClient, state: State[None], name: str, of: Any) -> None:
    """A run of that flow, in that state."""
    run = client.create_flow_run(of, name=name)
    client.set_flow_run_state(run.id, state, force=True)
