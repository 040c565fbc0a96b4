"""What preflight learnt that later stages build on."""

from __future__ import annotations

from magnumhub.domain.results import Result
from magnumhub.domain.spec import Site
from magnumhub.domain.templates import Template


class Ground(Result):
    """The template that was chosen (or that the cluster was made from), and what follows from it.

    template: the template's uuid, as names need not be unique.
    kubernetes_version: what the template says of it; None: unknown until the cluster answers.
    master_address: whether a floating IP of our own is needed to reach the master.
    """

    template: str
    kubernetes_version: str | None
    master_address: bool


def wants_master_address(site: Site, template: Template) -> bool:
    """Whether the master needs a floating IP from us.

    Not where nobody goes there by ssh (kubeconfig, Cluster API, `none`), and not where Magnum gives the master one
    itself: a second address would only use up quota.
    """
    if site.access.via == "kubeconfig" or site.network.floating_ips.master == "none":
        return False
    if template.driver == "capi":
        return False
    return not template.floating_ip_enabled
