"""What a service answered in one test, held against what the real service once answered in it.

Recorded answers are never typed by hand: `python -m tests.contract.record` writes them from the real services.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.contract.normalise import Normaliser, without

RECORDED = Path(__file__).with_name("recorded")


def recorded_path(module: Path, test: str, side: str) -> Path:
    """Where the answers of one test are.

    Args:
        module: relative to this folder.
        test: its name as pytest has it, with the parameters.
    """
    folder = module.with_suffix("").parent / module.stem.removeprefix("test_")
    name = test.replace("[", "-").replace("]", "").replace(f"-{side}", "").replace("/", "_").removeprefix("test_")
    return RECORDED / folder / f"{name}.json"


@dataclass
class Transcript:
    """The exchanges of one test, in their order.

    Args:
        path: the file with the recorded ones.
        ignored: service -> fields of its answers that are listed as differing (differences.yaml).
    """

    path: Path
    ignored: dict[str, list[str]]
    normaliser: Normaliser
    exchanges: list[dict[str, Any]] = field(default_factory=list)

    def add(self, service: str, request: str, **answer: Any) -> None:
        """One exchange: what was asked, and all of the answer that two services can be compared by."""
        told = {"service": service, "request": request, **answer}
        # What is not compared must not number the ids and addresses of what is.
        self.exchanges.append(self.normaliser.value(without(told, self.ignored.get(service, []))))

    def record(self) -> None:
        """Keep the answers of this run as the recorded ones."""
        assert self.exchanges, _NOTHING
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(_text(self.exchanges) + "\n")

    def compare(self) -> None:
        """Assert that the answers of this run are the recorded ones, but for the listed differences."""
        assert self.exchanges, _NOTHING
        assert self.path.is_file(), f"{self.path.name} was never recorded: python -m tests.contract.record"
        recorded = _text(self._comparable(json.loads(self.path.read_text())))
        seen = _text(self._comparable(self.exchanges))
        if recorded != seen:
            lines = difflib.unified_diff(recorded.splitlines(), seen.splitlines(), "recorded", "seen", lineterm="", n=6)
            raise AssertionError("answers differ from the recorded ones:\n" + "\n".join(lines))

    def _comparable(self, exchanges: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [without(exchange, self.ignored.get(exchange["service"], [])) for exchange in exchanges]


_NOTHING = "this test told nothing that could be compared: @pytest.mark.not_recorded, if that is meant"


def _text(exchanges: list[dict[str, Any]]) -> str:
    return json.dumps(exchanges, indent=1, sort_keys=True, ensure_ascii=False)
