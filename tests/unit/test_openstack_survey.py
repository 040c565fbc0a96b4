from __future__ import annotations

import pytest

from magnumhub.domain.facts import Credential
from magnumhub.domain.templates import Template
from magnumhub.openstack.survey import credential_of, template_of

EXPIRES = "2026-11-25T16:19:34.000000Z"


@pytest.mark.parametrize(
    ("token", "credential"),
    [
        (
            {"methods": ["password"], "roles": [{"name": "member"}, {"name": "reader"}], "expires_at": EXPIRES},
            Credential(kind="password", unrestricted=None, roles=("member", "reader"), expires_at=EXPIRES),
        ),
        (
            {"methods": ["application_credential"], "application_credential": {"id": "x", "restricted": True}},
            Credential(kind="application_credential", unrestricted=False, roles=(), expires_at=None),
        ),
        (
            {"methods": ["application_credential"], "application_credential": {"id": "x", "restricted": False}},
            Credential(kind="application_credential", unrestricted=True, roles=(), expires_at=None),
        ),
        ({"methods": ["openid"]}, Credential(kind="other", unrestricted=None, roles=(), expires_at=None)),
    ],
)
def test_what_a_token_says_of_its_credential(token: dict[str, object], credential: Credential) -> None:
    assert credential_of(token) == credential


def test_a_template_as_magnum_shows_it() -> None:
    template = {
        "uuid": "d62bcbed",
        "name": "kubernetes-v1.30.4",
        "created_at": "2026-10-26T15:18:22+00:00",
        "labels": {"kube_tag": "v1.30.4"},
        "cluster_distro": "fedora-coreos",
        "floating_ip_enabled": False,
        "master_lb_enabled": False,
        "flavor_id": "m1.small",
        "master_flavor_id": "m1.small",
        "external_network_id": "public",
        "docker_volume_size": 20,
        "hidden": False,
    }
    assert template_of(template) == Template(
        uuid="d62bcbed",
        name="kubernetes-v1.30.4",
        created_at="2026-10-26T15:18:22+00:00",
        kubernetes_version="1.30.4",
        labels={"kube_tag": "v1.30.4"},
        driver="heat",
        floating_ip_enabled=False,
        master_lb_enabled=False,
        flavor="m1.small",
        master_flavor="m1.small",
        external_network="public",
        docker_volume_size_gib=20,
    )
