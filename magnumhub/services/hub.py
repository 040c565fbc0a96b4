"""JupyterHub's REST API and login, as much of it as a check needs to do what a user does.

Works with hubs 1.x to 5.x: scopes are asked for where the hub knows them, the login form's `_xsrf` field is sent where
there is one.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from types import TracebackType
from typing import Literal, Self
from urllib.parse import parse_qs, quote, urljoin, urlsplit

import httpx

from magnumhub.domain.errors import AuthenticationError, RefusedError, ServiceError
from magnumhub.domain.results import Report
from magnumhub.domain.wiring import GATEWAY_SERVICE
from magnumhub.services.http import ask, reason_of, refused, wait_until
from magnumhub.services.notebook_server import NotebookServer

AUTH_HINT = "check jupyterhub.auth and jupyterhub.hostname, then provision again"
_GATEWAY_SCOPE = f"access:services!service={GATEWAY_SERVICE}"


@dataclass(frozen=True)
class LoginPage:
    """What an anonymous visitor meets: the hub's own form, or an identity provider and where that sends people back."""

    kind: Literal["form", "provider"]
    authorize_url: str = ""
    redirect_uri: str = ""


class Hub:
    """A JupyterHub behind its public address.

    Args:
        base_url: scheme, address and port of the proxy, without `/hub`.
        timeout_s: longest wait for one answer; a spawn request alone may take the hub 10 s.
    """

    def __init__(self, base_url: str, *, timeout_s: float = 30.0) -> None:
        self.base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._client = self._new_client()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._client.close()

    def health(self) -> None:
        """Ask the hub whether it is alive, through its proxy.

        Raises:
            TransientError: the proxy answers and the hub behind it does not, or nothing answers.
        """
        ask(self._client, "GET", "/hub/health", what="hub health", follow_redirects=True)

    def version(self) -> str:
        """The hub's version, such as `5.5.0`."""
        body = ask(self._client, "GET", "/hub/api", what="hub version", follow_redirects=True)
        try:
            return str(body.json()["version"])
        except (ValueError, KeyError, TypeError) as error:
            raise ServiceError(
                f"hub version: {self.base_url}/hub/api does not answer as a JupyterHub: {reason_of(body)}",
                "check that this address really leads to the hub's proxy",
            ) from error

    def wait_healthy(self, *, deadline_s: float, report: Report) -> None:
        """Wait until the hub answers its health check.

        Raises:
            DeadlineError: it did not within `deadline_s`; the message has what was seen last.
        """
        hint = "look at the hub's pod: kubectl get pods, kubectl logs deploy/hub in its namespace"
        wait_until(self.health, what="hub", deadline_s=deadline_s, report=report, hint=hint)

    def login_page(self) -> LoginPage:
        """Open the login page as a browser does and say where it leads.

        Raises:
            ServiceError: the page has neither a form nor a way to a provider.
        """
        with self._new_client() as browser:
            page = ask(browser, "GET", "/hub/login", what="login page", accept=(200, 302))
            if page.status_code == 200 and 'name="password"' in page.text:
                return LoginPage("form")
            target = self._provider_link(page)
            hops = 0
            # The hub's own redirects come first; the first address that is not the hub's is the provider's.
            while self._is_own(target) and hops < 5:
                step = ask(browser, "GET", target, what="login", accept=(302, 303))
                target, hops = urljoin(str(step.url), step.headers["location"]), hops + 1
        return LoginPage("provider", target.split("?")[0], _one(target, "redirect_uri"))

    def _provider_link(self, page: httpx.Response) -> str:
        if page.status_code == 302:
            return urljoin(str(page.url), page.headers["location"])
        link = re.search(r"""href=['"]([^'"]*oauth_login[^'"]*)['"]""", page.text)
        if not link:
            raise ServiceError(
                f"login page: {page.url} has neither a login form nor a link to a provider",
                "look at the hub's log; the authenticator may not have loaded",
            )
        return urljoin(str(page.url), unescape(link[1]))

    def _is_own(self, url: str) -> bool:
        return urlsplit(url).netloc in ("", urlsplit(self.base_url).netloc)

    def login(self, user: str, password: str, *, token_s: int, note: str = "magnumhub check") -> HubUser:
        """Log in through the form, as a person does, and get a token with no more scopes than a check needs.

        Safe to repeat: the user's earlier tokens with this note are revoked; who had them was killed.

        Args:
            token_s: seconds until the token ends by itself.
            note: what the token is for; people read it on the hub's token page.

        Raises:
            AuthenticationError: the hub refused; the message is the login page's own.
        """
        browser = self._new_client()
        try:
            page = ask(browser, "GET", "/hub/login", what="login page")
            form = {"username": user, "password": password, "_xsrf": _hidden_xsrf(page.text)}
            answer = ask(browser, "POST", "/hub/login", what="login", accept=(200, 302, 400, 403), data=form)
            if answer.status_code != 302:
                raise AuthenticationError(
                    f"login as {user} at {self.base_url}: {_login_error(answer)}",
                    "check jupyterhub.auth: the password, and whether `allow` lets this user in",
                )
            # A page view after the login: newer hubs bind the _xsrf cookie to the session and renew it here.
            token_page = ask(browser, "GET", "/hub/token", what="the user's token page")
            headers = {"Referer": str(token_page.url)}
            if xsrf := [cookie.value for cookie in browser.cookies.jar if cookie.name == "_xsrf"]:
                headers["X-XSRFToken"] = xsrf[-1] or ""
            browser.headers.update(headers)
            path = f"/hub/api/users/{quote(user, safe='')}/tokens"
            _revoke_earlier(browser, path, user, note)
            return self._with_token(browser, path, user, {"note": note, "expires_in": token_s})
        except BaseException:
            browser.close()
            raise

    def as_service(self, user: str, service_token: str) -> HubUser:
        """Act for `user` with the token of a hub service; the user is made when the hub has none of that name.

        The service's token does everything itself: a hub refuses to make a user's token for a service whose `tokens`
        scope is narrowed to that user (seen with 5.5.0).

        Safe to repeat: an existing user is kept.

        Raises:
            AuthenticationError: the hub does not know the service's token, or its role lacks scopes.
        """
        client = self._new_client(service_token)
        try:
            path = f"/hub/api/users/{quote(user, safe='')}"
            answer = ask(client, "POST", path, what=f"hub user {user}", accept=(201, 404, 409))
            if answer.status_code == 404:
                message = f"hub user {user}: {self.base_url} answered 404: {reason_of(answer)}"
                raise AuthenticationError(message, f"the role of the service needs admin:users!user={user}")
        except BaseException:
            client.close()
            raise
        return HubUser(self, user, service_token, client)

    def _with_token(self, grantor: httpx.Client, path: str, user: str, request: dict[str, object]) -> HubUser:
        if int(self.version().split(".")[0]) >= 3:
            own = [f"{scope}!user={user}" for scope in ("servers", "access:servers", "read:users")]
            request["scopes"] = [*own, _GATEWAY_SCOPE]
        what = f"token for hub user {user}"
        answer = ask(grantor, "POST", path, what=what, accept=(200, 201, 400), json=request)
        if answer.status_code == 400 and _GATEWAY_SCOPE in answer.text:
            # This hub does not give its users the gateway; what a notebook then gets there is a finding of the check.
            request["scopes"] = own
            answer = ask(grantor, "POST", path, what=what, accept=(200, 201), json=request)
        if answer.status_code == 400:
            raise refused(answer, what=what)
        model = answer.json()

        def revoke() -> None:
            with contextlib.closing(grantor), contextlib.suppress(httpx.HTTPError):
                grantor.delete(f"{path}/{model['id']}")

        return HubUser(self, user, model["token"], self._new_client(model["token"]), revoke)

    def _new_client(self, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"token {token}"} if token else {}
        return httpx.Client(base_url=self.base_url, headers=headers, timeout=self._timeout_s)


class HubUser:
    """One user of the hub and a token that can run that user's server.

    Args:
        revoke: makes the token void when the context is left; None for one that is not ours to revoke.
    """

    def __init__(
        self, hub: Hub, name: str, token: str, client: httpx.Client, revoke: Callable[[], None] | None = None
    ) -> None:
        self.name = name
        self.token = token
        self.server = NotebookServer(hub.base_url, name, token, client)
        self._client = client
        self._revoke = revoke

    def __repr__(self) -> str:
        return f"HubUser({self.name!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._client.close()
        if self._revoke:
            self._revoke()


def check_provider(page: LoginPage, *, authorize_url: str, callback_url: str) -> None:
    """Hold what the login page leads to against what the site asks for.

    Raises:
        RefusedError: another provider, or people would be sent back to another address than the hub's.
    """
    if page.kind != "provider":
        raise RefusedError("login page: the hub shows a form of its own instead of leading to the provider", AUTH_HINT)
    if page.authorize_url.rstrip("/") != authorize_url.rstrip("/"):
        raise RefusedError(f"login page: leads to {page.authorize_url}, expected {authorize_url}", AUTH_HINT)
    if page.redirect_uri and httpx.URL(page.redirect_uri) != httpx.URL(callback_url):
        raise RefusedError(
            f"login page: the provider sends people back to {page.redirect_uri}, not to {callback_url}", AUTH_HINT
        )


def _revoke_earlier(grantor: httpx.Client, path: str, user: str, note: str) -> None:
    tokens = ask(grantor, "GET", path, what=f"tokens of hub user {user}").json().get("api_tokens") or []
    for token in tokens:
        if token.get("note") == note:
            ask(grantor, "DELETE", f"{path}/{token['id']}", what="revoking an earlier token", accept=(204, 404))


def _one(url: str, parameter: str) -> str:
    return parse_qs(urlsplit(url).query).get(parameter, [""])[0]


def _hidden_xsrf(html: str) -> str:
    field = re.search(r"<input[^>]*name=['\"]_xsrf['\"][^>]*>", html)
    value = re.search(r"value=['\"]([^'\"]*)['\"]", field[0]) if field else None
    return unescape(value[1]) if value else ""


def _login_error(answer: httpx.Response) -> str:
    error = re.search(r"<p[^>]*class=['\"][^'\"]*login_error[^'\"]*['\"][^>]*>(.*?)</p>", answer.text, re.S)
    return " ".join(unescape(error[1]).split()) if error else reason_of(answer)
