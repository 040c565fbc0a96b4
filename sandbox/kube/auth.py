"""Who asks: client certificates, and tokens of ServiceAccounts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from sandbox.kube import apply as ownership
from sandbox.kube.errors import invalid, unauthorized
from sandbox.kube.kinds import Resource
from sandbox.kube.store import Store
from sandbox.kube.types import type_of
from sandbox.kube.web import ASGIApp, Receive, Scope, Send, respond_json

Obj = dict[str, Any]
ISSUER = "https://kubernetes.default.svc.cluster.local"
_SHORTEST_S, _USUAL_S, _LONGEST_S = 600, 3600, 1 << 32
TOKEN_REQUEST = Resource("authentication.k8s.io", "v1", "", "TokenRequest", True)
_CREDENTIAL = "authentication.kubernetes.io/credential-id"


@dataclass(frozen=True, slots=True)
class Token:
    """A token that is good: whose it is, and for whom."""

    user: Obj
    audiences: list[str]


class Tokens:
    """Issues and knows tokens: JSON web tokens signed with a key that lives as long as the cluster."""

    def __init__(self, store: Store) -> None:
        self._key = secrets.token_bytes(32)
        self._store = store

    def request(self, account: Obj, body: Obj, manager: str) -> Obj:
        """Answer a TokenRequest for a ServiceAccount; StatusError 422 for a lifetime that is too short or long."""
        meta, asked = account["metadata"], body.get("spec") or {}
        lifetime_s = asked.get("expirationSeconds") or _USUAL_S
        if not _SHORTEST_S <= lifetime_s <= _LONGEST_S:
            beyond = "less than 10 minutes" if lifetime_s < _SHORTEST_S else "larger than 2^32 seconds"
            why = f"Invalid value: {lifetime_s}: may not specify a duration {beyond}"
            raise invalid("authentication.k8s.io", "TokenRequest", "", [("spec.expirationSeconds", why)])
        audiences = asked.get("audiences") or [ISSUER]
        now_s = int(time.time())
        claims = {
            "aud": audiences,
            "exp": now_s + lifetime_s,
            "iat": now_s,
            "iss": ISSUER,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": {
                "namespace": meta["namespace"],
                "serviceaccount": {"name": meta["name"], "uid": meta["uid"]},
            },
            "nbf": now_s,
            "sub": f"system:serviceaccount:{meta['namespace']}:{meta['name']}",
        }
        named = {key: meta[key] for key in ("name", "namespace", "uid", "creationTimestamp")}
        told: Obj = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": named, "spec": asked}
        told = ownership.record_update(None, told, type_of(TOKEN_REQUEST), manager, "token")
        stamp = datetime.fromtimestamp(claims["exp"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        bound = asked.get("boundObjectRef")
        spec = {"audiences": audiences, "expirationSeconds": lifetime_s, "boundObjectRef": bound}
        return {**told, "spec": spec, "status": {"token": self._signed(claims), "expirationTimestamp": stamp}}

    def user(self, token: str) -> Obj | None:
        """Whose token it is; None if it is not ours, has expired, or its ServiceAccount is gone."""
        found = self.read(token, [])
        return found.user if found else None

    def read(self, token: str, audiences: list[str]) -> Token | None:
        """A token for any of the audiences (this API without them); None if it is not good."""
        head, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(head).encode()):
            return None
        claims = orjson.loads(_decoded(head.partition(".")[2]))
        matching = [audience for audience in audiences or [ISSUER] if audience in claims["aud"]]
        named = claims["kubernetes.io"]["serviceaccount"]
        namespace = claims["kubernetes.io"]["namespace"]
        account = self._store.get("", "serviceaccounts", namespace, named["name"])
        if claims["exp"] < time.time() or not matching or account is None or account["metadata"]["uid"] != named["uid"]:
            return None
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
        extra = {_CREDENTIAL: [f"JTI={claims['jti']}"]}
        return Token({"name": claims["sub"], "uid": named["uid"], "groups": groups, "extra": extra}, matching)

    def _signed(self, claims: Obj) -> str:
        head = f"{_encoded(orjson.dumps({'alg': 'HS256', 'typ': 'JWT'}))}.{_encoded(orjson.dumps(claims))}"
        return f"{head}.{self._signature(head)}"

    def _signature(self, head: str) -> str:
        return _encoded(hmac.new(self._key, head.encode(), hashlib.sha256).digest())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def certificate_user(certificate: Obj, digest: str) -> Obj:
    """The user whom a verified client certificate names: CN, and every O as a group."""
    attributes = [pair for rdn in certificate.get("subject", ()) for pair in rdn]
    name = next((value for key, value in attributes if key == "commonName"), "")
    groups = [value for key, value in attributes if key == "organizationName"]
    extra = {_CREDENTIAL: [f"X509SHA256={digest}"]}
    return {"name": name, "groups": [*groups, "system:authenticated"], "extra": extra}


ANONYMOUS = {"name": "system:anonymous", "groups": ["system:unauthenticated"]}


class Authentication:
    """ASGI middleware: puts the user into scope["state"]["user"], or answers 401 to a token that is not known."""

    def __init__(self, app: ASGIApp, tokens: Tokens) -> None:
        self._app, self._tokens = app, tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let pass whoever is known, and whoever shows nothing."""
        state = scope.setdefault("state", {})
        user = self._user(scope)
        if user is None:
            refusal = unauthorized()
            await respond_json(send, refusal.body(), refusal.code)
            return
        state["user"] = user
        await self._app(scope, receive, send)

    def _user(self, scope: Scope) -> Obj | None:
        header = dict(scope["headers"]).get(b"authorization", b"").decode()
        if header.lower().startswith("bearer "):
            return self._tokens.user(header[7:].strip())
        state = scope["state"]
        if certificate := state.get("certificate"):
            return certificate_user(certificate, state.get("certificate_digest", ""))
        return ANONYMOUS
