"""Who may log in: the hub's authenticator for every kind of login a site can name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from magnumhub.domain.chart_keys import ChartKeys
from magnumhub.domain.spec import DummyAuth, GithubAuth, JupyterHubSpec, OidcAuth

_FIRST_USERNAME_CLAIM = "3.0.0"
"""From this jupyterhub chart on (oauthenticator 16) the claim is called username_claim, before username_key.

Charts that led up to it have the one or the other; the new one knows the old name still, as deprecated.

Source: images/hub/requirements.txt of charts 2.0.0 (oauthenticator 15.1.0) and 3.0.0 (16.0.4); its changelog.
"""


def auth_config(
    hub: JupyterHubSpec, secrets: Mapping[str, str], chart: ChartKeys, *, also_allowed: str
) -> dict[str, Any]:
    """The chart's hub.config for the site's login.

    A hub from 5.0 on lets nobody in who is not allowed, so `allow` is always spelled out.

    Args:
        secrets: reference to secret.
        chart: the hub's.
        also_allowed: a user who logs in for the health check where the login is a dummy.
    """
    auth = hub.auth
    if isinstance(auth, DummyAuth):
        return {
            "JupyterHub": {"authenticator_class": "dummy"},
            "Authenticator": _allowed(auth, (also_allowed,)),
            "DummyAuthenticator": {"password": secrets[str(auth.password)]},
        }
    provider: dict[str, Any] = {"client_id": auth.client_id, "client_secret": secrets[str(auth.client_secret)]}
    if hub.https.kind != "off":  # else the hub takes it from the request, with whatever port the address has
        provider["oauth_callback_url"] = f"https://{hub.hostname}/hub/oauth_callback"
    if isinstance(auth, OidcAuth):
        urls = {"authorize_url": auth.authorize_url, "token_url": auth.token_url, "userdata_url": auth.userdata_url}
        claim = "username_claim" if chart.is_from(_FIRST_USERNAME_CLAIM) else "username_key"
        provider |= {**urls, claim: auth.username_claim, "scope": list(auth.scope)}
        return {
            "JupyterHub": {"authenticator_class": "generic-oauth"},
            "Authenticator": _allowed(auth),
            "GenericOAuthenticator": provider,
        }
    if auth.allowed_organizations:
        # Membership of an organisation is only told with this scope.
        provider |= {"allowed_organizations": list(auth.allowed_organizations), "scope": ["read:org"]}
    return {
        "JupyterHub": {"authenticator_class": "github"},
        "Authenticator": _allowed(auth),
        "GitHubOAuthenticator": provider,
    }


def _allowed(auth: OidcAuth | GithubAuth | DummyAuth, more: tuple[str, ...] = ()) -> dict[str, Any]:
    allowed: dict[str, Any] = {"admin_users": list(auth.admins)} if auth.admins else {}
    if auth.allow == "all":
        return {"allow_all": True, **allowed}
    # Before hub 5 nobody in allowed_users meant everybody; members of organizations are told by the provider.
    alone = () if isinstance(auth, GithubAuth) and auth.allowed_organizations else auth.admins
    names = [*(auth.allow or alone), *more]
    return {"allow_all": False, **allowed, **({"allowed_users": names} if names else {})}
