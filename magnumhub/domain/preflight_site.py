"""Preflight's judgements about what is the site's own: its addresses, its cluster, and what is unwise in its file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from magnumhub.domain.compat import app_version_of, judge_hub_singleuser
from magnumhub.domain.compat_data import FIRST_STRICT_VALUES
from magnumhub.domain.facts import AddressFacts, CloudFacts, ClusterFacts
from magnumhub.domain.findings import Category, Finding, Level
from magnumhub.domain.needs import is_unused_twin, our_clusters, roles_wanted
from magnumhub.domain.spec import NEWEST, DummyAuth, DynamicStorage, Site
from magnumhub.domain.templates import Template
from magnumhub.domain.values import value_at
from magnumhub.domain.versions import version_of

_HUB_TAG = re.compile(r"hub-(\d+\.\d+\.\d+)")
_STORAGE_TYPES = ("dynamic", "static", "none")


def judge_addresses(site: Site, facts: CloudFacts, template: Template | None) -> Iterator[Finding]:
    """Whether each address that the site names is the project's, and free or ours."""
    if facts.floating_ips is None:
        return
    by_address = {address.address: address for address in facts.floating_ips}
    for role in roles_wanted(site, template):
        wanted = getattr(site.network.floating_ips, role)
        field = f"network.floating_ips.{role}"
        if wanted == "auto":
            continue
        if wanted not in by_address:
            summary = f"{field}: {wanted} is not a floating IP of project {facts.project.name}"
            yield _finding("Unhealthy", Category.ADDRESS, summary, f"Allocate it first, or set {field} to auto.")
        else:
            yield from _judge_given(site, field, role, by_address[wanted])


def _judge_given(site: Site, field: str, role: str, address: AddressFacts) -> Iterator[Finding]:
    if address.site is not None and address.site != site.name:
        summary = f"{field}: {address.address} belongs to site {address.site}"
        yield _finding("Unhealthy", Category.OWNERSHIP, summary, "Choose another address, or take it from there first.")
    elif address.site is None and address.port_id is not None:
        summary = f"{field}: {address.address} serves {address.serves or 'something else'}"
        remedy = f"Disassociate it there first, choose a free address, or set {field} to auto."
        yield _finding("Unhealthy", Category.ADDRESS, summary, remedy)
    elif address.site == site.name and address.role not in (role, "spare", None):
        summary = f"{field}: {address.address} is this site's {address.role} address already"
        yield _finding("Unhealthy", Category.ADDRESS, summary, "Give each role an address of its own.")


def judge_runner(site: Site, facts: CloudFacts, template: Template | None) -> Iterator[Finding]:
    """Whether this machine has the files that the site's way to the cluster needs."""
    runner, access, helm = facts.runner, site.access, site.helm
    has_address = site.network.floating_ips.master != "none" or bool(template and template.floating_ip_enabled)
    is_heat = template is not None and template.driver != "capi"
    ssh = access.via == "master" or (access.via == "auto" and is_heat and (has_address or access.jump_host is not None))
    if ssh and runner.ssh_key:
        remedy = "Set access.ssh_key to the private key of cluster.keypair; null: ssh's agent and default keys."
        yield _finding("Unhealthy", Category.CREDENTIALS, f"access.ssh_key: {runner.ssh_key}", remedy)
    if runner.helm and (not ssh or helm.run_on == "runner" or helm.source == "upload"):
        remedy = "Make helm.path and helm.version agree, or set helm.path to null."
        yield _finding("Unhealthy", Category.CONFIGURATION, runner.helm, remedy)


def judge_clusters(site: Site, facts: CloudFacts, *, replace_failed: bool) -> Iterator[Finding]:
    """Whether the cluster of the site's name is ours, alone, and usable or to be replaced."""
    there = facts.magnum_clusters or ()
    ours = our_clusters(there)
    for cluster in there:
        if cluster not in ours:
            summary = f"a cluster {cluster.name} ({cluster.uuid}) exists and is not this site's"
            yield _finding("Unhealthy", Category.OWNERSHIP, summary, "Give the site another name; it is never touched.")
    yield from _judge_twins(ours[1:])
    for cluster in ours[:1]:
        if not (replace_failed and cluster.status == "CREATE_FAILED"):
            yield from _judge_status(cluster)


def _judge_twins(younger: list[ClusterFacts]) -> Iterator[Finding]:
    """Of two first runs at the same moment one cluster stays; only one that may hold something is a person's matter."""
    for cluster in younger:
        if is_unused_twin(cluster.status):
            summary = f"another first run left a second cluster {cluster.uuid}, {cluster.status}: it is deleted"
            yield _finding("Degraded", Category.LEFTOVER, summary)
        elif not cluster.status.startswith("DELETE_"):
            summary = f"the site has a second cluster {cluster.uuid}, {cluster.status}"
            yield _finding("Unhealthy", Category.OWNERSHIP, summary, "Delete all but one.")


def _judge_status(cluster: ClusterFacts) -> Iterator[Finding]:
    if cluster.status == "CREATE_FAILED":
        faults = "".join(f"; {where}: {why}" for where, why in cluster.faults.items())
        summary = (
            f"cluster {cluster.name} is CREATE_FAILED: {cluster.status_reason or 'Magnum gives no reason'}{faults}"
        )
        remedy = "Mend the cause, then run with --replace-failed: it deletes this leftover first."
        yield _finding("Unhealthy", Category.SERVICE, summary, remedy)
    elif cluster.status.startswith("DELETE_"):
        summary = f"cluster {cluster.name} is {cluster.status}"
        remedy = "Wait until it is gone, then run again; where it stays, ask the cloud's support."
        yield _finding("Unhealthy", Category.SERVICE, summary, remedy)


def judge_settings(site: Site) -> Iterator[Finding]:
    """What works and is unwise, told from the site alone."""
    if not isinstance(site.storage, DynamicStorage):
        summary = "storage is ephemeral: users' files and the hub's users vanish whenever a pod restarts"
        yield _finding("Degraded", Category.STORAGE, summary, "Set storage.kind to dynamic wherever work matters.")
    if isinstance(site.jupyterhub.auth, DummyAuth):
        summary = "the login is a dummy: whoever knows the one password is any user"
        yield _finding("Degraded", Category.CONFIGURATION, summary, "Use oidc or github for real users.")
    elif site.jupyterhub.https.kind == "off":
        summary = "logins go to an identity provider without https; most providers refuse such a callback"
        yield _finding("Degraded", Category.CONFIGURATION, summary, "Give a hostname and one of the kinds of https.")
    yield from _judge_values(site)
    yield from _judge_image(site)


def _judge_values(site: Site) -> Iterator[Finding]:
    storage = value_at(site.jupyterhub.values, "singleuser.storage.type", "dynamic")
    version = site.jupyterhub.chart.version
    if storage not in _STORAGE_TYPES:
        strict = version == NEWEST or version_of(version) >= version_of(FIRST_STRICT_VALUES)
        summary = f"singleuser.storage.type {storage} means nothing to the chart" + (
            ", which refuses it" if strict else ""
        )
        remedy = f"Leave it out: `storage` of the site says it ({', '.join(_STORAGE_TYPES)})."
        yield _finding("Unhealthy" if strict else "Degraded", Category.CONFIGURATION, summary, remedy)
    if isinstance(site.storage, DynamicStorage) and value_at(site.jupyterhub.values, "hub.db.type") == "sqlite-memory":
        summary = "hub.db.type sqlite-memory: the hub forgets its users whenever it restarts"
        yield _finding("Degraded", Category.STORAGE, summary, "Leave it out: the hub's database is then on a volume.")


def _judge_image(site: Site) -> Iterator[Finding]:
    """An image whose tag names its hub is held against the chart's hub; hub-… tags are moved by their makers."""
    tag, version = _HUB_TAG.fullmatch(site.image.tag), site.jupyterhub.chart.version
    if tag is None:
        return
    summary = f"image tag {site.image.tag} is moved now and then, so that notebooks and workers may drift apart"
    yield _finding("Degraded", Category.IMAGE, summary, "Use a tag with a date.")
    hub = app_version_of("jupyterhub", version) if version != NEWEST else None
    if hub is not None:
        yield from judge_hub_singleuser(hub, tag.group(1), check="preflight")


def _finding(level: Level, category: Category, summary: str, remedy: str = "") -> Finding:
    return Finding(check="preflight", level=level, category=category, summary=summary, remedy=remedy)
