"""Who asks: client certificates, and tokens of ServiceAccounts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from datetime import UTC, datetime
from typing import Any

import orjson

from sandbox.kube.errors import unauthorized
from sandbox.kube.web import ASGIApp, Receive, Scope, Send, respond_json

Obj = dict[str, Any]
_OPEN = ("/version", "/healthz", "/livez", "/readyz")


class Tokens:
    """Issues and knows tokens: JSON web tokens signed with a key that lives as long as the cluster."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def request(self, account: Obj, body: Obj) -> Obj:
        """Answer a TokenRequest for a ServiceAccount."""
        meta = account["metadata"]
        lifetime = (body.get("spec") or {}).get("expirationSeconds") or 3600
        expires = int(time.time()) + lifetime
        claims = {
            "sub": f"system:serviceaccount:{meta['namespace']}:{meta['name']}",
            "exp": expires,
            "jti": secrets.token_hex(8),
        }
        stamp = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        status = {"token": self._signed(claims), "expirationTimestamp": stamp}
        head = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1"}
        named = {"name": meta["name"], "namespace": meta["namespace"]}
        return {**head, "metadata": named, "spec": body.get("spec") or {}, "status": status}

    def user(self, token: str) -> Obj | None:
        """Whose token it is; None if it is not ours or has expired."""
        head, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(head).encode()):
            return None
        claims = orjson.loads(_decoded(head.partition(".")[2]))
        if claims["exp"] < time.time():
            return None
        namespace = claims["sub"].split(":")[2]
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
        return {"name": claims["sub"], "groups": groups}

    def _signed(self, claims: Obj) -> str:
        head = f"{_encoded(orjson.dumps({'alg': 'HS256', 'typ': 'JWT'}))}.{_encoded(orjson.dumps(claims))}"
        return f"{head}.{self._signature(head)}"

    def _signature(self, head: str) -> str:
        return _encoded(hmac.new(self._key, head.encode(), hashlib.sha256).digest())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def certificate_user(certificate: Obj) -> Obj:
    """The user whom a verified client certificate names: CN, and every O as a group."""
    attributes = [pair for rdn in certificate.get("subject", ()) for pair in rdn]
    name = next((value for key, value in attributes if key == "commonName"), "")
    groups = [value for key, value in attributes if key == "organizationName"]
    return {"name": name, "groups": [*groups, "system:authenticated"]}


class Authentication:
    """ASGI middleware: puts the user into scope["state"]["user"], or answers 401."""

    def __init__(self, app: ASGIApp, tokens: Tokens) -> None:
        self._app, self._tokens = app, tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let pass whoever is known."""
        state = scope.setdefault("state", {})
        user = self._user(scope)
        if user is None and not scope["path"].startswith(_OPEN):
            refusal = unauthorized()
            await respond_json(send, refusal.body(), refusal.code)
            return
        state["user"] = user or {"name": "system:anonymous", "groups": ["system:unauthenticated"]}
        await self._app(scope, receive, send)

    def _user(self, scope: Scope) -> Obj | None:
        header = dict(scope["headers"]).get(b"authorization", b"").decode()
        if header.lower().startswith("bearer "):
            return self._tokens.user(header[7:].strip())
        certificate = scope["state"].get("certificate")
        return certificate_user(certificate) if certificate else None
