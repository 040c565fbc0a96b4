"""The real helm and kubectl, run in one namespace; what they print is written into the test's transcript."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.tools import executable
from tests.contract.transcript import Transcript

# Kubernetes draws names from these letters only.
_DRAWN = "[bcdfghjklmnpqrstvwxz2456789]"
_AGE = r"(?:[0-9]+[smhd])+"
_VOLATILE = {
    r"(?s)-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----": "<certificate>",
    r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} 20[0-9]{2}": "<time>",
    r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} 20[0-9]{2} [0-9:]{8} [+-][0-9]{4}": "<time>",
    rf"(?<=[a-z])-{_DRAWN}{{8,10}}-{_DRAWN}{{5}}\b": "-<hash>-<drawn>",
    rf"(?<=[a-z])-(?=[a-z]*[0-9]){_DRAWN}{{8,10}}\b": "-<hash>",
    rf"(?<=[a-z])-{_DRAWN}{{5}}\b(?!\.[a-z])": "-<drawn>",
    r"(?<=controller-revision-hash[=:])\s?[a-z0-9]+\b": "<hash>",
    rf"(?<=pod-template-hash[=:])\s?{_DRAWN}{{8,10}}\b": "<hash>",
    r"(?<=\.)[0-9a-f]{16}\b": "<drawn>",
    r"\b3[0-2][0-9]{3}(?=/(?:TCP|UDP)\b)": "<node port>",
    r"(?<=nodePort: )[0-9]+": "<node port>",
    r"(?<=modifiedAt=)[0-9]+": "<time>",
    rf"(?<=[ (]){_AGE} ago\b": "<age> ago",
    rf"\b{_AGE}(?= \(x[0-9]+ over )": "<age>",
    rf"(?<= over ){_AGE}(?=\))": "<age>",
    rf"(?<=Duration:)[ \t]+{_AGE}\b": "  <age>",
    # A column of a table, which gaps of at least three blanks keep apart; a quantity (cpu: 500m) follows its name.
    rf"(?m)(?:^|(?<=[^:\s](?:   )))[ ]*{_AGE}(?=   | *$)": "<age>",
    r"\b[0-9]{1,3}\.[0-9]{2,}s\b": "<age>",
    r"(?m)^[EWI][0-9]{4} [0-9:.]+\s+[0-9]+ ": "<log> ",
}
_UNTOLD = (
    "<log> reflector.go",  # how a watch ends at the program's own limit is up to the moment
    "Warning: v1 Endpoints is deprecated",  # listed as differing
)
_VOLATILE_KEYS = {
    "resourceVersion": "<version>",
    "pod-template-hash": "<hash>",
    "nodePort": "<node port>",
    "controller-revision-hash": "<hash>",
}


@dataclass
class Done:
    """A program that ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        return json.loads(self.stdout)


@dataclass
class Programs:
    """helm and kubectl as a user of one namespace runs them.

    Args:
        folder: their own files; nothing of the user's is read or written.
        chart: the chart's folder, which `{chart}` stands for.
    """

    kubeconfig: Path
    namespace: str
    folder: Path
    transcript: Transcript
    chart: Path

    @property
    def environment(self) -> dict[str, str]:
        homes = {f"HELM_{kind}_HOME": str(self.folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        own = {"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.folder), "KUBECACHEDIR": str(self.folder / "cache")}
        return {**os.environ, **homes, **own, "TZ": "UTC"}

    def command(self, program: str, *words: str) -> list[str]:
        given = [word.replace("{chart}", str(self.chart)) for word in words]
        return [str(executable(program)), "--namespace", self.namespace, *given]

    def run(self, program: str, *words: str, stdin: str = "") -> Done:
        """Run it, and tell nobody."""
        done = subprocess.run(
            self.command(program, *words),
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=self.folder,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def helm(self, *words: str, stdin: str = "", comparable: Callable[[str], str] | None = None) -> Done:
        """Run helm, and tell what it says.

        Args:
            comparable: takes out of the output's normalised lines what two clusters may differ in.
        """
        return self._told("helm", words, stdin, comparable)

    def kubectl(self, *words: str, stdin: str = "", comparable: Callable[[str], str] | None = None) -> Done:
        """Run kubectl, and tell what it says; arguments as `helm`."""
        return self._told("kubectl", words, stdin, comparable)

    def _told(self, program: str, words: tuple[str, ...], stdin: str, comparable: Callable[[str], str] | None) -> Done:
        done = self.run(program, *words, stdin=stdin)
        # Of lines without ages: how many are the same, and which comes first, must not hang on them.
        stdout = comparable("\n".join(normalised(done.stdout))) if comparable else done.stdout
        stderr = [line for line in normalised(done.stderr) if not line.startswith(_UNTOLD)]
        told = {"stdout": _shown(stdout), "stderr": stderr}
        shown = " ".join(word if len(word) < 200 else "…" for word in words)
        self.transcript.add("helm", f"{program} {shown}", exit_code=done.exit_code, **told)
        return done


def _shown(stdout: str) -> Any:
    """JSON as a document, everything else as normalised lines."""
    if stdout.startswith(("{", "[")):
        try:
            return _document(json.loads(stdout))
        except ValueError:
            pass
    return normalised(stdout)


def _document(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _VOLATILE_KEYS.get(key) or _document(_by_clients(key, item)) for key, item in value.items()}
    if isinstance(value, list):
        return [_document(item) for item in value]
    if isinstance(value, str):
        return normalised(value) if "\n" in value else _plain(value)
    return value


def _by_clients(key: str, value: Any) -> Any:
    """Of the fields' managers those that are programs of a user; what a cluster writes itself is its own affair."""
    if key != "managedFields":
        return value
    return [entry for entry in value if entry["manager"].startswith(("helm", "kubectl"))]


def normalised(text: str) -> list[str]:
    """Lines with single gaps: how wide a column is depends on the longest name or age in it."""
    return [re.sub(r"(?<=\S)(?: *\t[ \t]*| {2,})", "  ", line).rstrip() for line in _plain(text).splitlines()]


def _plain(text: str) -> str:
    text = re.sub(r'(?m)(?<=resourceVersion: )"[0-9]+"', "<version>", text)
    for pattern, name in _VOLATILE.items():
        text = re.sub(pattern, name, text)
    return text
