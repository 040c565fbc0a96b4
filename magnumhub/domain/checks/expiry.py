"""Certificates and credentials that end: told while there is time to renew them, and what renews them.

What cannot be looked at is no finding: that nothing answers is what the other checks are for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from magnumhub.domain.findings import Category, Finding
from magnumhub.domain.results import Result
from magnumhub.domain.spec import Site
from magnumhub.domain.templates import Driver

CHECK = "expiry"

SOON = timedelta(days=14)
"""Two weeks outlast a holiday of the one person who may renew it."""

RENEWAL_FAILS = timedelta(days=21)
"""Let's Encrypt's certificates are renewed 30 days before they end; nine nights later something is in the way.

Source: Traefik renews certificates of 90 days, its default `certificatesDuration`, with 30 days left.
"""

_SHARE = 4
"""Of what lives shortly: only its last quarter is soon. Whoever made it so renews it often."""

What = Literal["kubernetes_api", "cluster_ca", "hub", "application_credential", "password", "token"]

_WORDS: Mapping[What, str] = {
    "kubernetes_api": "the certificate of the Kubernetes API",
    "cluster_ca": "the certificate of the cluster's authority",
    "hub": "the hub's certificate",
    "application_credential": "the application credential",
    "password": "the password of the cloud's user",
    "token": "the token of the cloud's entry",
}


class Expiry(Result):
    """When something ends.

    name: which one: an address, a credential's name. begins_at, ends_at: None: at no time. unknown: why it could not be
    looked at; empty when it could.
    """

    what: What
    name: str = ""
    begins_at: datetime | None = None
    ends_at: datetime | None = None
    unknown: str = ""

    @property
    def words(self) -> str:
        """What it is, for the middle of a sentence."""
        return f"{_WORDS[self.what]} {self.name}".rstrip()


def judge_expiry(site: Site, seen: Sequence[Expiry], *, driver: Driver, now: datetime) -> list[Finding]:
    """What has ended (Unhealthy), ends soon (Degraded) or has not begun yet, as a wrong clock shows it (Unhealthy).

    Args:
        driver: of the Magnum cluster: it decides what renews certificates.
        now: with its time zone.
    """
    return [finding for one in seen if (finding := _judged(site, one, driver, now)) is not None]


def judge_credential_expiry(cloud: str, one: Expiry, *, now: datetime) -> list[Finding]:
    """The same for a credential by itself.

    Args:
        cloud: where it is, as a site names it.
    """
    finding = _ending(one, now=now, soon=SOON, remedy=_credential_remedy(cloud, one))
    return [] if finding is None else [finding]


def told_expiry(seen: Sequence[Expiry], *, now: datetime) -> str:
    """In one line what ends first, and what could not be looked at."""
    ending = [(one.ends_at, one) for one in seen if one.ends_at is not None]
    parts = ["nothing that ends was seen"]
    if ending:
        ends_at, first = min(ending, key=lambda pair: pair[0])
        parts = [f"{first.words} ends first, {_when(ends_at, now)}"]
    parts += [f"{one.words} is unknown yet: {one.unknown}" for one in seen if one.unknown]
    return "; ".join(parts)


def _judged(site: Site, one: Expiry, driver: Driver, now: datetime) -> Finding | None:
    if one.begins_at is not None and now < one.begins_at:
        summary = f"{one.words} is not valid before {_day(one.begins_at)}, and here it is {_day(now)}"
        remedy = (
            "A clock is wrong: compare `timedatectl` of this machine and of the masters, and mend its time service."
        )
        return Finding(check=CHECK, level="Unhealthy", category=Category.EXPIRY, summary=summary, remedy=remedy)
    late = "; it should have been renewed by now" if _renews_itself(site, one) else ""
    return _ending(one, now=now, soon=_soon(site, one), remedy=_remedy(site, one, driver), late=late)


def _ending(one: Expiry, *, now: datetime, soon: timedelta, remedy: str, late: str = "") -> Finding | None:
    """Where it has ended, or ends within `soon`; `late`: what else is to be said then."""
    if one.ends_at is None or one.ends_at - now >= soon:
        return None
    if one.ends_at <= now:
        summary = f"{one.words} has ended {_when(one.ends_at, now)}, on {_day(one.ends_at)}"
        return Finding(check=CHECK, level="Unhealthy", category=Category.EXPIRY, summary=summary, remedy=remedy)
    summary = f"{one.words} ends {_when(one.ends_at, now)}, on {_day(one.ends_at)}{late}"
    return Finding(check=CHECK, level="Degraded", category=Category.EXPIRY, summary=summary, remedy=remedy)


def _soon(site: Site, one: Expiry) -> timedelta:
    soon = RENEWAL_FAILS if _renews_itself(site, one) else SOON
    if one.begins_at is None or one.ends_at is None:
        return soon
    return min(soon, (one.ends_at - one.begins_at) / _SHARE)


def _renews_itself(site: Site, one: Expiry) -> bool:
    return one.what == "hub" and site.jupyterhub.https.kind == "letsencrypt"


def _remedy(site: Site, one: Expiry, driver: Driver) -> str:
    match one.what:
        case "hub":
            return _hub_remedy(site)
        case "application_credential" | "password" | "token":
            return _credential_remedy(site.cloud, one)
        case _:
            return _cluster_remedy(site, one, driver)


def _credential_remedy(cloud: str, one: Expiry) -> str:
    match one.what:
        case "application_credential":
            return (
                "Make a new one (`openstack application credential create --unrestricted NAME`) and put its id and"
                f" secret where the site's cloud says: {cloud}."
            )
        case "password":
            return f"Change it (`openstack user password set`), and where the site's cloud says: {cloud}."
        case _:
            return (
                f"A token ends within hours and cannot be renewed: put an application credential into {cloud}"
                " (`openstack application credential create --unrestricted NAME`)."
            )


def _hub_remedy(site: Site) -> str:
    https = site.jupyterhub.https
    namespace = site.jupyterhub.namespace
    if https.kind == "letsencrypt":
        return (
            f"See why with `kubectl logs -n {namespace} deploy/autohttps -c traefik`: Let's Encrypt must reach port 80"
            f" of {site.jupyterhub.hostname}; then `kubectl rollout restart -n {namespace} deploy/autohttps`."
        )
    if https.kind == "secret":
        return (
            f"Put the new certificate into Secret {https.secret_name}: `kubectl create secret tls {https.secret_name}"
            f" -n {namespace} --cert FILE --key FILE --dry-run=client -o yaml | kubectl apply -f -`."
        )
    return f"Renew it where https for {site.jupyterhub.hostname} ends, before the load balancer."


def _cluster_remedy(site: Site, one: Expiry, driver: Driver) -> str:
    """Only Heat's driver for Fedora CoreOS renews the authority and with it all certificates of masters and nodes.

    Source: rotate_ca_certificate in magnum/drivers/heat/driver.py, and of magnum-capi-helm and magnum-cluster-api, that
    have none; Cluster API replaces masters when the version changes, and new ones get new certificates for a year.
    """
    if driver == "heat":
        return (
            f"Run `openstack coe ca rotate {site.name}`: it renews the authority and every certificate of the cluster,"
            " on Fedora CoreOS only, and restarts Kubernetes on each server."
        )
    if one.what == "cluster_ca":
        return (
            "Ask the cloud's support: Magnum cannot renew the authority of a Cluster API cluster; or make a new site."
        )
    return (
        f"Run `openstack coe cluster upgrade {site.name} TEMPLATE` with a newer template: new masters get new"
        " certificates; or ask the cloud's support to roll them out."
    )


def _when(moment: datetime, now: datetime) -> str:
    """`in 12 days`, `3 hours ago`, in what is whole of it."""
    minutes = int(abs(moment - now).total_seconds() // 60)
    hours = minutes // 60
    length = f"{hours // 24} days" if hours >= 48 else f"{hours} hours" if hours >= 2 else f"{minutes} minutes"
    return f"in {length}" if moment > now else f"{length} ago"


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M %Z").rstrip()
