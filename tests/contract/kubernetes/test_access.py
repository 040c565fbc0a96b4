"""Who asks, and what they may: certificates, tokens, roles, reviews; refusals by the words."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from sandbox.kube.certificates import Authority
from sandbox.openstack.certificates import make_ca
from tests.contract.kubernetes.client import TYPES, Api, Told
from tests.contract.kubernetes.waiting import until
from tests.support.kube_api import client_tls

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_REVIEWS, _ACCESS = "/apis/authentication.k8s.io/v1", "/apis/authorization.k8s.io/v1"
_RULES = [
    {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]},
    {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["one"], "verbs": ["get", "update"]},
]


@contextmanager
def asking(api: Api, pair: bytes | None = None, token: str = "") -> Iterator[httpx.Client]:
    """A client with other credentials than the administrator's, or with none."""
    shown = {"Authorization": f"Bearer {token}"} if token else {}
    tls = client_tls(api.access.ca, pair)
    with httpx.Client(base_url=api.access.server, verify=tls, headers=shown, timeout=60) as client:
        yield client


@pytest.fixture
def account(told: Told, namespace: str) -> str:
    """The path of a ServiceAccount."""
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    assert told.api.call("POST", accounts, {"metadata": {"name": "me"}}).status == 201
    return f"{accounts}/me"


@pytest.fixture
def token(told: Told, account: str) -> str:
    asked = told.api.call("POST", f"{account}/token", {"spec": {"expirationSeconds": 600}})
    return str(asked.body["status"]["token"])


def _grant(told: Told, namespace: str, **binding: Any) -> None:
    """Rules for the account, and a wait until they hold."""
    own = f"{_RBAC}/namespaces/{namespace}"
    subjects = [{"kind": "ServiceAccount", "name": "me", "namespace": namespace}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    told.api.call("POST", f"{own}/roles", {"metadata": {"name": "reader"}, "rules": _RULES})
    body = {"metadata": {"name": "b"}, "roleRef": {**role, **binding}, "subjects": subjects}
    assert told.api.call("POST", f"{own}/rolebindings", body).status == 201


def _may(told: Told, namespace: str, verb: str, resource: str) -> bool:
    user = f"system:serviceaccount:{namespace}:me"
    attributes = {"namespace": namespace, "verb": verb, "resource": resource}
    spec = {"user": user, "resourceAttributes": attributes}
    return bool(told.api.call("POST", f"{_ACCESS}/subjectaccessreviews", {"spec": spec}).body["status"]["allowed"])


def test_nobody(told: Told, namespace: str) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    refused = ["/api", "/apis", "/apis/apps", "/apis/apps/v1", "/api/v1", "/openapi/v3", "/openapi/v3/api/v1", "/nope"]
    refused += ["/api/v1/namespaces", f"{pods}/x", f"{pods}?watch=1", "/api/v1/pods?watch=1", "/apis/nope/v1/foos"]
    refused += [f"{pods}/x/log", f"{pods}/x/status", f"/apis/apps/v1/namespaces/{namespace}/deployments/x/scale"]
    with asking(told.api) as nobody:
        for path in ("/healthz", "/livez", "/readyz"):
            assert told.call("GET", path, http=nobody).body == "ok"
        assert told.api.call("GET", "/version", http=nobody).status == 200
        for path in refused:
            assert told.call("GET", path, http=nobody).status == 403
        for method, path in (("POST", pods), ("PUT", f"{pods}/x"), ("PUT", f"{pods}/x/status")):
            assert told.call(method, path, {}, http=nobody).status == 403
        for kind in ("apply", "json", "merge", "strategic"):
            for path in (f"{pods}/x", f"{pods}/x/status"):
                assert told.call("PATCH", path, {}, patch=kind, http=nobody).status == 403
        for path in (pods, f"{pods}/x"):
            assert told.call("DELETE", path, http=nobody).status == 403


def test_an_unknown_token(told: Told) -> None:
    with asking(told.api, token="bad") as stranger:
        for path in ("/version", "/api/v1/pods"):
            assert told.call("GET", path, http=stranger).status == 401


_HEALTH = ("/healthz", "/livez", "/readyz")
_OPEN = ("/version", *_HEALTH)
_CLOSED = ("/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/openapi/v3", "/openapi/v3/api/v1", "/nope")
_POD, _WEB = "/api/v1/namespaces/default/pods/x", "/apis/apps/v1/namespaces/default/deployments/x"
_REQUESTS: list[tuple[str, str, str | None]] = [
    *(("GET", path, None) for path in _CLOSED),
    *(("GET", f"/api/v1/pods{query}", None) for query in ("", "?watch=1")),
    *(("GET", path, None) for path in (_POD, f"{_POD}/status", f"{_POD}/log", f"{_WEB}/scale")),
    *(("POST", path, None) for path in ("/api/v1/namespaces/default/pods", f"{_POD}/binding", f"{_POD}/status")),
    ("POST", "/api/v1/namespaces/default/serviceaccounts/x/token", None),
    ("POST", f"{_REVIEWS}/tokenreviews", None),
    ("GET", f"{_REVIEWS}/tokenreviews", None),
    *(("PUT", path, None) for path in (_POD, f"{_POD}/status", f"{_WEB}/scale", "/api/v1/namespaces/x/finalize")),
    *(("PATCH", path, kind) for path in (_POD, f"{_POD}/status", f"{_WEB}/scale") for kind in TYPES),
    *(("PATCH", path, None) for path in (_POD, f"{_WEB}/scale")),
    *(("DELETE", path, None) for path in (_POD, "/api/v1/namespaces/default/pods")),
    ("OPTIONS", _POD, None),
]


@pytest.mark.not_recorded
def test_every_route_is_guarded(told: Told) -> None:
    with asking(told.api, token="bad") as stranger, asking(told.api) as nobody:
        for path in _OPEN:
            assert told.api.call("GET", path, http=stranger).status == 401
            assert told.api.call("GET", path, http=nobody).status == 200
        for path in _HEALTH:
            assert told.api.call("POST", path, http=nobody).status == 403
        for method, path, kind in _REQUESTS:
            body = {} if method in ("POST", "PUT", "PATCH") else None
            assert told.api.call(method, path, body, patch=kind, http=stranger).status == 401
            assert told.api.call(method, path, body, patch=kind, http=nobody).status == 403


def test_a_certificate_names_its_user(told: Told) -> None:
    if told.api.access.authority is None:
        pytest.skip("nobody here can sign certificates for somebody else's API")
    pair = b"".join(told.api.access.authority.sign("contract", ["contract:one", "contract:two"]))
    with asking(told.api, pair) as user:
        told.call("GET", "/api/v1/nodes", http=user)
        seen = told.call("POST", f"{_REVIEWS}/selfsubjectreviews", {}, http=user, leave=("metadata", "status"))
    info = seen.body["status"]["userInfo"]
    assert (info["username"], info["groups"]) == ("contract", ["contract:one", "contract:two", "system:authenticated"])
    assert info["extra"]["authentication.kubernetes.io/credential-id"][0].startswith("X509SHA256=")


@pytest.mark.not_recorded
@pytest.mark.parametrize("why", ["another authority", "expired"])
def test_a_certificate_that_is_not_good(api: Api, why: str) -> None:
    """The sandbox ends the handshake where a real API answers 401: listed. Neither lets anybody in."""
    authority = Authority(*make_ca("other")) if why == "another authority" else api.access.authority
    if authority is None:
        pytest.skip("nobody here can sign certificates for somebody else's API")
    pair = b"".join(authority.sign("admin", ["system:masters"], valid=timedelta(minutes=-1)))
    with asking(api, pair) as stranger:
        if api.side == "real":
            assert api.call("GET", "/api/v1/nodes", http=stranger).status == 401
            return
        with pytest.raises((httpx.TransportError, ssl.SSLError)):
            api.call("GET", "/api/v1/nodes", http=stranger)


def test_token_request(told: Told, account: str) -> None:
    for spec in ({"expirationSeconds": 600}, {"audiences": ["other"], "expirationSeconds": 3600}):
        made = told.call("POST", f"{account}/token", {"spec": spec}, leave=("status",))
        assert made.status == 201
        _, payload, _ = made.body["status"]["token"].split(".")
        claims = base64.urlsafe_b64decode(payload + "==").decode()
        assert f'"sub":"system:serviceaccount:{told.namespace}:me"' in claims
        left = datetime.fromisoformat(made.body["status"]["expirationTimestamp"]) - datetime.now(UTC)
        assert abs(left - timedelta(seconds=spec["expirationSeconds"])) < timedelta(seconds=30)
    assert told.call("POST", f"{account}/token", {"spec": {"expirationSeconds": 60}}).status == 422
    assert told.call("POST", f"{account}-not/token", {}).status == 404


def test_token_review(told: Told, account: str, token: str) -> None:
    def review(**spec: Any) -> dict[str, Any]:
        return dict(told.api.call("POST", f"{_REVIEWS}/tokenreviews", {"spec": spec}).body["status"])

    good = review(token=token)
    assert good["authenticated"]
    assert good["user"]["username"] == f"system:serviceaccount:{told.namespace}:me"
    assert good["user"]["uid"] == told.api.call("GET", account).body["metadata"]["uid"]
    assert good["user"]["groups"] == [
        "system:serviceaccounts",
        f"system:serviceaccounts:{told.namespace}",
        "system:authenticated",
    ]
    assert good["user"]["extra"]["authentication.kubernetes.io/credential-id"][0].startswith("JTI=")
    assert good["audiences"] == ["https://kubernetes.default.svc.cluster.local"]
    spec = {"audiences": ["other"], "expirationSeconds": 600}
    other = told.api.call("POST", f"{account}/token", {"spec": spec}).body["status"]["token"]
    assert not review(token=other).get("authenticated")
    assert review(token=other, audiences=["other"])["audiences"] == ["other"]
    told.call("POST", f"{_REVIEWS}/tokenreviews", {"spec": {"token": "bad"}})
    assert told.call("POST", f"{_REVIEWS}/tokenreviews", {"spec": {}}).status == 400


def test_roles(told: Told, namespace: str, token: str) -> None:
    pods, maps = f"/api/v1/namespaces/{namespace}/pods", f"/api/v1/namespaces/{namespace}/configmaps"
    with asking(told.api, token=token) as me:
        assert told.call("GET", "/apis/apps/v1", http=me, leave=("resources",)).status == 200
        assert told.call("GET", pods, http=me).status == 403
        _grant(told, namespace)
        until(lambda: told.api.call("GET", pods, http=me).status == 200, 10, "the role holds")
        for path in (f"{pods}/x", f"{pods}/x/log", f"{maps}/one"):
            assert told.call("GET", path, http=me).status == 404
        refused = [f"{pods}?watch=1", "/api/v1/pods", "/api/v1/namespaces/default/pods", maps, f"{maps}/two"]
        for path in (*refused, "/api/v1/nodes", "/apis/example.org/v1/things", "/metrics"):
            assert told.call("GET", path, http=me).status == 403
        for path in (pods, maps, f"{_RBAC}/clusterroles"):
            assert told.call("POST", path, {"metadata": {"name": "x"}}, http=me).status == 403


def test_nobody_grants_more_than_they_hold(told: Told, namespace: str, token: str) -> None:
    own = f"{_RBAC}/namespaces/{namespace}"
    subjects = [{"kind": "ServiceAccount", "name": "me", "namespace": namespace}]
    makes = {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"]}
    held = [{**makes, "verbs": ["create", "get", "patch", "update"]}, *_RULES]
    told.api.call("POST", f"{own}/roles", {"metadata": {"name": "maker"}, "rules": held})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "maker"}
    body = {"metadata": {"name": "b"}, "roleRef": role, "subjects": subjects}
    assert told.api.call("POST", f"{own}/rolebindings", body).status == 201
    more = {"apiGroups": ["", "apps"], "resources": ["pods", "deployments"], "verbs": ["get", "create"]}
    one = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
    with asking(told.api, token=token) as me:
        until(lambda: told.api.call("GET", f"{own}/roles/maker", http=me).status == 200, 10, "the role holds")

        def write(method: str, path: str, body: Any, status: int, patch: str | None = None) -> None:
            assert told.call(method, f"{own}/{path}", body, patch=patch, http=me).status == status

        write("POST", "roles", {"metadata": {"name": "same"}, "rules": _RULES}, 201)
        for rules in ([more], [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}], [one]):
            write("POST", "roles", {"metadata": {"name": "more"}, "rules": rules}, 403)
        write("POST", "roles", {"metadata": {"name": "one"}, "rules": [{**one, "resourceNames": ["one"]}]}, 201)
        write("POST", "roles", {"metadata": {"name": "two"}, "rules": [{**one, "resourceNames": ["one", "x"]}]}, 403)
        write("PUT", "roles/same", {"metadata": {"name": "same"}, "rules": [more]}, 403)
        write("PATCH", "roles/same", {"rules": [more]}, 403, "merge")
        write("PATCH", "roles/same", {"metadata": {"labels": {"a": "b"}}}, 200, "merge")
        assert told.api.call("GET", f"{own}/roles/same").body["rules"] == _RULES
        view = {**role, "kind": "ClusterRole", "name": "system:node-proxier"}
        write("POST", "rolebindings", {"metadata": {"name": "c"}, "roleRef": role, "subjects": subjects}, 201)
        write("POST", "rolebindings", {"metadata": {"name": "d"}, "roleRef": view, "subjects": subjects}, 403)
        write("POST", "rolebindings", {"metadata": {"name": "e"}, "roleRef": {**role, "name": "none"}}, 404)


def test_a_binding_without_its_role(told: Told, namespace: str, token: str) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    _grant(told, namespace, name="missing")
    with asking(told.api, token=token) as me:
        until(lambda: "not found" in told.api.call("GET", pods, http=me).body["message"], 10, "the binding is seen")
        assert told.call("GET", pods, http=me).status == 403


@pytest.mark.parametrize("role", ["view", "edit", "admin"])
def test_the_roles_for_users(told: Told, namespace: str, account: str, role: str) -> None:
    _grant(told, namespace, kind="ClusterRole", name=role)
    until(lambda: _may(told, namespace, "get", "pods"), 10, "the role holds")
    asked = [("list", "secrets"), ("create", "deployments"), ("create", "pods"), ("delete", "services")]
    asked += [("create", "roles"), ("get", "nodes"), ("update", "resourcequotas"), ("create", "serviceaccounts")]
    may = [f"{verb} {resource}" for verb, resource in asked if _may(told, namespace, verb, resource)]
    told.tell(role, may=may)


def test_access_reviews(told: Told, namespace: str, token: str) -> None:
    _grant(told, namespace)
    until(lambda: _may(told, namespace, "list", "pods"), 10, "the role holds")
    attributes = {"namespace": namespace, "verb": "list", "resource": "pods"}
    mine, others = f"{_ACCESS}/selfsubjectaccessreviews", f"{_ACCESS}/subjectaccessreviews"
    local = f"{_ACCESS}/namespaces/{namespace}/localsubjectaccessreviews"
    with asking(told.api, token=token) as me:
        for spec in (
            {"resourceAttributes": attributes},
            {"resourceAttributes": {**attributes, "verb": "delete"}},
            {"nonResourceAttributes": {"path": "/api", "verb": "get"}},
        ):
            assert told.call("POST", mine, {"spec": spec}, http=me).status == 201
        assert told.call("POST", mine, {"spec": {}}, http=me).status == 422
        assert (
            told.call("POST", others, {"spec": {"user": "x", "resourceAttributes": attributes}}, http=me).status == 403
        )
    assert told.call("POST", mine, {"spec": {"resourceAttributes": attributes}}).body["status"]["allowed"]
    user = f"system:serviceaccount:{namespace}:me"
    for spec in ({"user": user}, {"user": "nobody", "groups": ["g"]}):
        assert told.call("POST", others, {"spec": {**spec, "resourceAttributes": attributes}}).status == 201
    assert told.call("POST", others, {"spec": {}}).status == 422
    assert told.call("POST", local, {"spec": {"user": "u", "resourceAttributes": attributes}}).status == 201
    elsewhere = {**attributes, "namespace": "default"}
    assert told.call("POST", local, {"spec": {"user": "u", "resourceAttributes": elsewhere}}).status == 422
    assert told.call("POST", mine, headers={"Content-Type": "text/plain"}, raw=b"x").status == 415
    assert told.call("POST", mine, raw=b"{bad").status == 400


def test_every_cluster_has_these_roles(told: Told) -> None:
    for name in ("cluster-admin", "view", "edit", "admin", "system:basic-user", "system:discovery", "system:node"):
        told.call("GET", f"{_RBAC}/clusterroles/{name}", leave=("metadata",))
    for name in ("cluster-admin", "system:basic-user", "system:public-info-viewer"):
        told.call("GET", f"{_RBAC}/clusterrolebindings/{name}")
