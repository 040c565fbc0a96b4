"""A tested credential as markdown: whether sites can be made with it, as whom, until when, and with how much room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from magnumhub.domain.facts import CloudFacts, Quota
from magnumhub.domain.preflight_credential import has_balancers
from magnumhub.domain.report.markdown import cell, marked, table

if TYPE_CHECKING:
    from magnumhub.domain.connection import Connection

_KINDS = {"password": "a password", "application_credential": "an application credential", "token": "a token"}


def connection_page(seen: Connection) -> str:
    """What a person reads before a site is built on a credential."""
    parts = [
        f"# {seen.level}: {cell(seen.name)}",
        "**No site can be made with it.**" if seen.level == "Unhealthy" else "Sites can be made with it.",
        *_findings(seen),
        table(("what", "seen"), _rows(seen)),
        "## Quotas",
        _quotas(seen.facts),
    ]
    if unseen := seen.facts.unseen:
        parts += [
            "## What could not be looked at",
            table(("what", "why"), ((cell(w), cell(y)) for w, y in unseen.items())),
        ]
    return "\n\n".join(parts)


def refused_page(name: str, message: str, hint: str) -> str:
    """The same where nobody was let in.

    Args:
        name: as a site's `cloud` says it.
    """
    return "\n\n".join([f"# Unhealthy: {cell(name)}", f"**{cell(message)}**", f"**What to do:** {cell(hint)}"])


def _findings(seen: Connection) -> list[str]:
    rows = [(marked(f.level), cell(f.summary), cell(f.remedy) or "–") for f in seen.findings]
    return [table(("level", "what was seen", "what to do"), rows)] if rows else []


def _rows(seen: Connection) -> Iterator[tuple[str, str]]:
    facts = seen.facts
    yield "accepted by", cell(seen.auth_url)
    yield "user", cell(f"{seen.user} (domain {seen.domain})")
    yield "project", cell(f"{facts.project.name} ({facts.project.id})")
    yield "credential", cell(_credential(seen))
    yield "ends", cell(_ends(seen))
    if facts.services is not None:
        yield "services", cell(", ".join(facts.services))
        yield "load balancers", "yes" if has_balancers(facts.services) else "no"
    yield "cluster templates", _names(None if facts.templates is None else [t.name for t in facts.templates])
    yield "keypairs", _names(facts.keypairs)
    yield (
        "external networks",
        _names(None if facts.external_networks is None else [n.name for n in facts.external_networks]),
    )


def _credential(seen: Connection) -> str:
    credential = seen.facts.credential
    if credential is None:
        return "unknown"
    may = {True: ", unrestricted", False: ", restricted", None: ""}[credential.unrestricted]
    return f"{_KINDS.get(credential.kind, 'of another kind')}{may}; roles: {', '.join(credential.roles) or 'none'}"


def _ends(seen: Connection) -> str:
    if seen.ends.unknown:
        return f"unknown: {seen.ends.unknown}"
    return seen.ends.ends_at.strftime("%Y-%m-%d %H:%M %Z") if seen.ends.ends_at else "at no time that the cloud tells"


def _names(names: list[str] | tuple[str, ...] | None) -> str:
    if names is None:
        return "unknown"
    return cell(", ".join(names)) if names else "none"


def _quotas(facts: CloudFacts) -> str:
    rows = (
        (cell(name.replace("_", " ")), _number(q.used), _limit(q), _number(q.free) if q.limit != -1 else "–")
        for name, q in facts.quotas.items()
    )
    return table(("of", "used", "limit", "free"), rows)


def _limit(quota: Quota) -> str:
    return "none" if quota.limit is not None and quota.limit < 0 else _number(quota.limit)


def _number(value: int | None) -> str:
    return "unknown" if value is None else str(value)
