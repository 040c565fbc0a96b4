"""What a chart makes of values: its objects, rendered by real helm, looked up as the product looks them up."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from magnumhub.domain.values import canonical
from sandbox.tools import executable
from tests.charts.network import Pod

Object = Mapping[str, Any]


class RenderError(Exception):
    """helm does not render it; has helm's words."""


@dataclass(frozen=True)
class Rendered:
    """A release's objects, as `helm template` gives them, hooks included."""

    namespace: str
    objects: tuple[Object, ...]

    def of(self, kind: str) -> list[Object]:
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind: str, name: str) -> Object:
        found = [each for each in self.of(kind) if each["metadata"]["name"] == name]
        assert len(found) == 1, f"{kind} {name} is not among {[each['metadata']['name'] for each in self.of(kind)]}"
        return found[0]

    def policies(self) -> list[Object]:
        """Its NetworkPolicies, with the namespace that the release is installed in."""
        return [
            {**each, "metadata": {"namespace": self.namespace, **each["metadata"]}} for each in self.of("NetworkPolicy")
        ]

    def behind(self, service: str, port: int) -> tuple[Pod, int]:
        """A pod that a Service leads to, and the port in it that this port of the Service is."""
        spec = self.one("Service", service)["spec"]
        target = next(each.get("targetPort", port) for each in spec["ports"] if each["port"] == port)
        (pod,) = [pod for pod in self.pods() if spec["selector"].items() <= pod.labels.items()]
        return pod, pod.ports[target] if isinstance(target, str) else target

    def pods(self) -> Iterator[Pod]:
        """One pod of each Deployment."""
        for deployment in self.of("Deployment"):
            template = deployment["spec"]["template"]
            ports = [port for container in template["spec"]["containers"] for port in container.get("ports") or []]
            named = {port["name"]: port["containerPort"] for port in ports if "name" in port}
            yield Pod(self.namespace, template["metadata"]["labels"], named)

    def secret(self, name: str) -> dict[str, str]:
        """A Secret's texts."""
        made = self.one("Secret", name)
        encoded = made.get("data") or {}
        return {
            **{key: base64.b64decode(value).decode() for key, value in encoded.items()},
            **(made.get("stringData") or {}),
        }


def render(archive: Path, release: str, namespace: str, values: Mapping[str, Any], *, kubernetes: str) -> Rendered:
    """A chart's objects on a Kubernetes of this version.

    Raises:
        RenderError: helm refuses, be it by the chart's schema.
    """
    text = _template(archive, release, namespace, canonical(values), kubernetes)
    documents = yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return Rendered(namespace, tuple(each for each in documents if each))


@cache
def _template(archive: Path, release: str, namespace: str, values: str, kubernetes: str) -> str:
    command = [executable("helm"), "template", release, archive, "--namespace", namespace]
    done = subprocess.run(
        [*command, "--values", "-", "--kube-version", kubernetes],
        input=values,
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode:
        raise RenderError(done.stderr.strip())
    return done.stdout
