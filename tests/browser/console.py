"""What the browser's console may say: whatever is not known of Prefect's own UI is taken for an error of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Error, Page

# A pattern for "text of the message, address that it is about", and why nothing of ours is the cause.
KNOWN = {
    r"amplitude\.com": "V2 asks for the settings of its statistics, also where they are switched off (Prefect 3.8.8)",
    r"404 .*/(favicon[-\w]*\.(ico|png)|\w+\.svg)$": "V2 lives below /v2/ and looks for its icons at the root",
    r"422 .*/api/task_runs/filter$": "V2 asks for the task run of every artifact; one that a flow made has none",
    r"409 .*/create_flow_run$|Error creating flow run: Validation failed": "a refused form; the tests assert its text",
    r"503 .*/api/|Unknown error while creating flow run": "SQLite on a busy machine; whoever clicks again is served",
    r"/assets/(flow-run-graph|vendor-pixi)-": "V2's picture of a run's tasks, left or hidden while it is being drawn",
}


@dataclass
class Console:
    """Collects the errors of a page, those of scripts that failed as well."""

    unknown: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        page.on("console", self._on_message)
        page.on("pageerror", self._on_error)

    def _on_message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._take(f"{message.text} {message.location['url']}")

    def _on_error(self, error: Error) -> None:
        self._take(f"{error.message}\n{error.stack}")

    def _take(self, text: str) -> None:
        if not any(re.search(pattern, text, re.MULTILINE) for pattern in KNOWN):
            self.unknown.append(text)
