"""The request to open a firewall: complete, so that nobody has to ask back."""

from __future__ import annotations

import pytest

from magnumhub.domain.request import ingress_request, request_ports, to_be_asked
from magnumhub.domain.results import FloatingIP
from magnumhub.domain.spec_file import load_site, parse_site

EXAMPLE = load_site("deployments/example-site.yaml")


def test_the_text_names_addresses_ports_whence_and_why() -> None:
    text = ingress_request(
        EXAMPLE, {"master": "192.0.2.1", "jupyterhub": "192.0.2.2"}, {"master": [22], "jupyterhub": [80, 443]}
    )

    assert text.startswith("To: cloud-support@example.org\nSubject: Please open the firewall for 2 floating IPs")
    assert "  192.0.2.1, TCP 22\n    from our administrators' network\n    for administration of the Kubernetes" in text
    assert "  192.0.2.2, TCP 80, 443\n    from wherever users are\n    for JupyterHub" in text
    assert "iris-jupyter on iris" in text
    assert max(map(len, text.splitlines())) < 60, "Prefect's form shows no more of a line"


@pytest.mark.parametrize(
    ("role", "values", "ports"),
    [
        ("master", {}, [22]),
        ("jupyterhub", {}, [80, 443]),
        (
            "jupyterhub",
            {"jupyterhub": {"proxy": {"service": {"disableHttpPort": True, "extraPorts": [{"port": 8443}]}}}},
            [443, 8443],
        ),
        ("dask_gateway", {}, [80]),
        ("dask_gateway", {"dask_gateway": {"traefik": {"service": {"ports": {"web": {"port": 8000}}}}}}, [8000]),
        (
            "dask_gateway",
            {"dask_gateway": {"traefik": {"service": {"ports": {"web": {"port": 80}, "tcp": {"port": 8786}}}}}},
            [80, 8786],
        ),
    ],
)
def test_the_ports_that_must_be_open(role: str, values: dict[str, dict[str, object]], ports: list[int]) -> None:
    site = EXAMPLE.model_dump(mode="json")
    for part, raw in values.items():
        site[part]["values"] = raw

    assert request_ports(parse_site(site), role) == ports


@pytest.mark.parametrize(
    ("approval", "firewall", "asked"),
    [("ask", "", True), ("ask", "asked", False), ("ask", "open", False), ("open", "", False)],
)
def test_what_a_person_is_asked_for(approval: str, firewall: str, asked: bool) -> None:
    data = EXAMPLE.model_dump(mode="json")
    data["network"]["ingress"]["approval"] = approval
    ip = FloatingIP(id="1", address="192.0.2.1", role="master", origin="given", firewall=firewall)  # type: ignore[arg-type]

    assert bool(to_be_asked(parse_site(data), [ip])) is asked
