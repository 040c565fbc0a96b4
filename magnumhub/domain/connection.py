"""What a credential may and may not do, before any site is built on it: seen by logging in, judged like preflight."""

from __future__ import annotations

from datetime import datetime

from magnumhub.domain.checks.expiry import Expiry, judge_credential_expiry
from magnumhub.domain.facts import CloudFacts
from magnumhub.domain.findings import Finding, Level, worst, worst_first
from magnumhub.domain.preflight_credential import judge_credential, judge_services
from magnumhub.domain.report.connection import connection_page
from magnumhub.domain.results import Result


class Connection(Result):
    """A tested credential.

    name: as a site's `cloud` says it. auth_url: of the Keystone that accepted it. user, domain: whose it is. ends: when
    the credential itself does; its tokens are renewed. facts: what the cloud shows of the project.
    """

    name: str
    auth_url: str
    user: str
    domain: str
    ends: Expiry
    facts: CloudFacts
    findings: tuple[Finding, ...] = ()

    @property
    def level(self) -> Level:
        """Unhealthy: no site can be made with it. What could not be seen does not count: preflight looks again."""
        return worst(("Healthy", *(finding.level for finding in self.findings if finding.level != "Unknown")))

    @property
    def markdown(self) -> str:
        """The same as a page for people."""
        return connection_page(self)


def judge_connection(seen: Connection, *, now: datetime) -> Connection:
    """The same with findings, the worst first.

    Args:
        now: with its time zone.
    """
    findings = [*judge_services(seen.facts.services or ())]
    if seen.facts.credential is not None:
        findings += judge_credential(seen.facts.credential, seen.facts.project.name)
    findings += judge_credential_expiry(seen.name, seen.ends, now=now)
    return seen.model_copy(update={"findings": tuple(worst_first(findings))})
