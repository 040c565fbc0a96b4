from __future__ import annotations

import json

import pytest
import urllib3
import yaml
from kubernetes.client.exceptions import ApiException

from magnumhub.domain.errors import AuthenticationError, MagnumhubError, RefusedError, ServiceError, TransientError
from magnumhub.kube.client import KubeCredentials, from_kubeconfig
from magnumhub.kube.crds import DIGEST, crd_digest, stale_crds
from magnumhub.kube.errors import ConflictError, NotFoundError, translated
from magnumhub.kube.services import ingress_of

CREDENTIALS = KubeCredentials("CA", "CERT", "KEY-TEXT", "https://10.0.0.5:6443")


def test_a_kubeconfig_is_read_as_it_was_written() -> None:
    elsewhere = CREDENTIALS.at("https://127.0.0.1:4711", "10.0.0.5")
    assert from_kubeconfig(elsewhere.as_kubeconfig()) == elsewhere
    assert yaml.safe_load(CREDENTIALS.as_kubeconfig())["current-context"] == "magnumhub"


def test_the_key_is_not_shown() -> None:
    assert "KEY-TEXT" not in repr(CREDENTIALS)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthenticationError),
        (403, RefusedError),
        (404, NotFoundError),
        (409, ConflictError),
        (422, ServiceError),
        (429, TransientError),
        (503, TransientError),
    ],
)
def test_the_status_decides_and_its_message_is_kept(status: int, kind: type[MagnumhubError]) -> None:
    error = ApiException(status=status)
    error.body = json.dumps({"kind": "Status", "message": 'services "hub" is so and so'})
    with pytest.raises(kind, match=r'reading hub: .*services "hub" is so and so'), translated("reading hub"):
        raise error


def test_no_answer_can_be_tried_again() -> None:
    with pytest.raises(TransientError, match="no answer from the Kubernetes API"), translated("reading hub"):
        raise urllib3.exceptions.ProtocolError("Connection aborted.")


def test_another_certificate_cannot() -> None:
    with pytest.raises(RefusedError, match="certificate verify failed"), translated("reading hub"):
        raise urllib3.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")


@pytest.mark.parametrize(
    ("ingress", "shown"),
    [([{"ip": "1.2.3.4"}], "1.2.3.4"), ([{"hostname": "lb.example.org"}], "lb.example.org"), ([], None)],
)
def test_the_external_ip_is_what_kubectl_shows(ingress: list[dict[str, str]], shown: str | None) -> None:
    assert ingress_of({"status": {"loadBalancer": {"ingress": ingress}}}) == shown


def test_a_pending_service_has_none() -> None:
    assert ingress_of({"status": {"loadBalancer": {}}}) is None


def test_only_definitions_that_differ_are_applied() -> None:
    same, newer, missing = (
        {"metadata": {"name": name}, "spec": {"group": name}} for name in ("same", "newer", "missing")
    )
    seen = {"same": crd_digest(same), "newer": "0123", "foreign": None}
    assert stale_crds([same, newer, missing], seen) == [newer, missing]
    assert DIGEST == "magnumhub.io/digest"
