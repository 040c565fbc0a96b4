"""Whether hub and gateway answer at their public addresses, as whoever is not logged in meets them."""

from __future__ import annotations

from magnumhub.domain.checking import Checking
from magnumhub.domain.errors import RefusedError
from magnumhub.domain.health import judge_release
from magnumhub.domain.results import Release, Report
from magnumhub.domain.spec import DummyAuth, OidcAuth, Site
from magnumhub.services.gateway import Gateway
from magnumhub.services.hub import AUTH_HINT, Hub, check_provider

ANSWER_S = 30.0
"""Longest wait for one answer of hub or gateway."""
_GITHUB_AUTHORIZE_URL = "https://github.com/login/oauth/authorize"


def look_at_hub(
    check: Checking, site: Site, hub_url: str, release: Release | None, *, patience_s: float, report: Report
) -> None:
    """Health, version, and a login page that leads where the site says; the version is the fact `version`.

    Safe to repeat: reads only.

    Args:
        release: what Helm installed; the version that answers is held against it.
        patience_s: how long the hub may need to answer at all.

    Raises:
        MagnumhubError: the hub does not answer, or answers as none.
    """
    with Hub(hub_url, timeout_s=min(patience_s, _answer_s(site))) as hub:
        hub.wait_healthy(deadline_s=patience_s, report=report)
        version = check.facts["version"] = hub.version()
        check.summary = f"JupyterHub {version} at {hub.base_url}"
        check.findings += judge_release("hub", version, release)
        _look_at_login_page(site, hub)


def _look_at_login_page(site: Site, hub: Hub) -> None:
    auth, page = site.jupyterhub.auth, hub.login_page()
    if isinstance(auth, DummyAuth):
        if page.kind != "form":
            raise RefusedError(f"login page: leads to {page.authorize_url}, not to the hub's own form", AUTH_HINT)
        return
    authorize_url = auth.authorize_url if isinstance(auth, OidcAuth) else _GITHUB_AUTHORIZE_URL
    settings = site.jupyterhub
    public = hub.base_url if settings.https.kind == "off" else f"https://{settings.hostname}"
    check_provider(page, authorize_url=authorize_url, callback_url=f"{public}/hub/oauth_callback")


def look_at_gateway(
    check: Checking, site: Site, gateway_url: str, release: Release | None, *, patience_s: float, report: Report
) -> None:
    """Health and version; the version is the fact `version`.

    Safe to repeat: reads only.

    Raises:
        MagnumhubError: the gateway does not answer, or answers as none.
    """
    with Gateway(gateway_url, timeout_s=min(patience_s, _answer_s(site))) as gateway:
        gateway.wait_healthy(deadline_s=patience_s, report=report)
        version = check.facts["version"] = gateway.version()
        check.summary = f"Dask Gateway {version} at {gateway_url}"
        check.findings += judge_release("gateway", version, release)


def _answer_s(site: Site) -> float:
    return min(float(site.limits_s.api), ANSWER_S)
