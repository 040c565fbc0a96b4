"""A first site file for a cloud that was looked at: what was found, as choices and as comments.

What only a person can know is null and marked FILL IN, so the file is refused, field by field, until it is filled in.
"""

from __future__ import annotations

import textwrap
import zlib
from collections.abc import Iterable

import yaml

from magnumhub.domain.errors import MagnumhubError
from magnumhub.domain.facts import CloudFacts, Flavor, Quota
from magnumhub.domain.templates import Template, choose_template

FILL_IN = "FILL IN"
_HELM = "4.1.4"
_WIDTH = 110
_NOT_SEEN = "could not be seen"
_QUOTAS = ("clusters", "instances", "cores", "ram_mib", "floating_ips", "load_balancers", "volumes", "gigabytes")


def draft_site(name: str, cloud: str, facts: CloudFacts) -> str:
    """The text of deployments/sites/NAME.yaml: valid but for what is marked FILL IN.

    Args:
        cloud: as in the site's `cloud`, an entry of clouds.yaml or block:NAME.
    """
    template, reason = _latest(facts)
    parts = [
        _head(name, cloud, facts),
        _cluster(facts, template, reason),
        _network(facts, template),
        *_access(facts, template),
        _rest(name),
    ]
    return "\n".join(parts)


def _head(name: str, cloud: str, facts: CloudFacts) -> str:
    return f"""\
# yaml-language-server: $schema=../site.schema.json
# Written by `magnumhub init` after a look at {cloud}. Refused until every {FILL_IN} is answered.
# deployments/example-site.yaml has every key.
name: {name}
cloud: {_scalar(cloud)}
project: {_scalar(facts.project.name)}
"""


def _cluster(facts: CloudFacts, template: Template | None, reason: str) -> str:
    flavor = f": {template.flavor}" if template and template.flavor else ""
    return f"""\
cluster:
{_comment("Templates", _templates(facts.templates))}
{_comment("latest today", reason)}
  template: latest
{_comment("Keypairs", facts.keypairs)}
  keypair: {_only(facts.keypairs, "a keypair; its key opens ssh to the masters")}
  master_count: 1
  node_count: 2
{_comment("Flavors", _flavors(facts.flavors))}
  node_flavor: null                  # the template's{flavor}
  docker_volume_size_gib: 20
{_comment("Free in the project", _free(facts.quotas))}
"""


def _network(facts: CloudFacts, template: Template | None) -> str:
    networks = None if facts.external_networks is None else [network.name for network in facts.external_networks]
    master = "none" if _is_capi(template) else "auto"
    return f"""\
network:
{_comment("External networks", networks)}
  external_network: {_external_network(facts, template, networks)}
  floating_ips: {{master: {master}, jupyterhub: auto, dask_gateway: auto}}   # auto, none, or an address
  ingress: {{approval: open}}          # ask: a person has to open the firewall; request_to: whom to ask
  load_balancers: {_load_balancers(facts)}
"""


def _access(facts: CloudFacts, template: Template | None) -> list[str]:
    if _is_capi(template):
        return []  # nobody logs in to the masters
    keypair = facts.keypairs[0] if facts.keypairs and len(facts.keypairs) == 1 else "KEYPAIR"
    path = _scalar(f"~/.ssh/{keypair}.pem")
    return [f"access:\n  ssh_key: {path}        # the keypair's private key; null: ssh's agent\n"]


def _rest(name: str) -> str:
    return f"""\
storage: {{kind: dynamic, home_gib: 10}}

helm:
  version: {_HELM}
  sha256: null                       # {FILL_IN}: as https://get.helm.sh/helm-v{_HELM}-linux-amd64.tar.gz.sha256sum says

image:                               # notebooks, Dask schedulers and workers: one image
  name: pangeo/pangeo-notebook
  tag: null                          # {FILL_IN}: one that never moves, such as 2026.10.02

jupyterhub:
  auth:
    kind: dummy                      # for a first try: one password for every user; see the example for oidc, github
    password: {{env: {name.upper().replace("-", "_")}_PASSWORD}}
    allow: all

health:                              # every night, at a minute of its own: sites are not checked all at once
  cron: "{zlib.crc32(name.encode()) % 60} 4 * * *"
  timezone: UTC
"""


def _latest(facts: CloudFacts) -> tuple[Template | None, str]:
    try:
        choice = choose_template(facts.templates or ())
    except MagnumhubError as error:
        return None, f"not possible: {error.message}; {error.hint}"
    chosen = next(template for template in facts.templates or () if template.uuid == choice.uuid)
    return chosen, f"{choice.name}, {choice.reason}"


def _is_capi(template: Template | None) -> bool:
    return template is not None and template.driver == "capi"


def _external_network(facts: CloudFacts, template: Template | None, names: Iterable[str] | None) -> str:
    """The template's own, as its nodes can be reached from there; else the only one."""
    wanted = template.external_network if template else None
    own = next((found.name for found in facts.external_networks or () if wanted in (found.id, found.name)), None)
    return _scalar(own) if own else _only(names, "where floating IPs come from")


def _only(names: Iterable[str] | None, what: str) -> str:
    """The one that there is; where there are several or none a person has to say."""
    known = list(names or ())
    return _scalar(known[0]) if len(known) == 1 else f"null  # {FILL_IN}: {what}"


def _scalar(text: str) -> str:
    """As YAML reads it back as this text: names may look like numbers."""
    return yaml.safe_dump(text, width=1000).splitlines()[0]


def _templates(templates: Iterable[Template] | None) -> list[str] | None:
    if templates is None:
        return None
    return [f"{seen.name} (Kubernetes {seen.kubernetes_version or 'unknown'})" for seen in templates if not seen.hidden]


def _flavors(flavors: Iterable[Flavor] | None) -> list[str] | None:
    if flavors is None:
        return None
    return [f"{flavor.name} ({flavor.vcpus} vCPU, {flavor.ram_mib // 1024} GiB)" for flavor in flavors]


def _free(quotas: dict[str, Quota]) -> list[str] | None:
    known = {kind: quotas[kind].free for kind in _QUOTAS if kind in quotas}
    free = [f"{number} {kind.replace('_', ' ')}" for kind, number in known.items() if number is not None]
    return free or (["no limits"] if known else None)


def _load_balancers(facts: CloudFacts) -> str:
    if facts.services is None or "load-balancer" in facts.services:
        return "auto"
    return "external           # the catalog has no load-balancer service: the cluster must bring a controller"


def _comment(title: str, what: Iterable[str] | str | None) -> str:
    words = what if isinstance(what, str) else _NOT_SEEN if what is None else ", ".join(what) or "none"
    return textwrap.fill(
        f"{title}: {words}",
        _WIDTH,
        initial_indent="  # ",
        subsequent_indent="  #   ",
        break_long_words=False,
        break_on_hyphens=False,
    )
