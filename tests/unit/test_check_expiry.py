"""What ends, and when that is told: literal times; and certificates read from a server that nobody should believe."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from magnumhub.domain.checks.expiry import Expiry, judge_expiry, told_expiry
from magnumhub.domain.findings import Category, Finding
from magnumhub.domain.spec import HttpsOff, HttpsSecret, Site
from magnumhub.domain.spec_file import load_site
from magnumhub.openstack.expiry import moment_of
from magnumhub.remote.tls import observe_hub_certificate

EXAMPLE = load_site("deployments/example-site.yaml")  # https from Let's Encrypt
NOW = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def with_https(https: Any) -> Site:
    return EXAMPLE.model_copy(update={"jupyterhub": EXAMPLE.jupyterhub.model_copy(update={"https": https})})


SECRET = with_https(HttpsSecret(kind="secret", secret_name="hub-tls"))


def ending(what: str, days: float, *, lifetime_days: float | None = None, name: str = "it") -> Expiry:
    ends_at = NOW + days * DAY
    begins_at = None if lifetime_days is None else ends_at - lifetime_days * DAY
    return Expiry.model_validate({"what": what, "name": name, "begins_at": begins_at, "ends_at": ends_at})


def judged(*seen: Expiry, site: Site = EXAMPLE, driver: Any = "heat") -> list[Finding]:
    return judge_expiry(site, seen, driver=driver, now=NOW)


@pytest.mark.parametrize(
    ("site", "one", "level"),
    [
        (EXAMPLE, ending("kubernetes_api", 15, lifetime_days=1825), None),
        (EXAMPLE, ending("kubernetes_api", 13.9, lifetime_days=1825), "Degraded"),
        (EXAMPLE, ending("kubernetes_api", 0, lifetime_days=1825), "Unhealthy"),
        (EXAMPLE, ending("kubernetes_api", -400, lifetime_days=1825), "Unhealthy"),
        # Let's Encrypt's own are renewed 30 days before; a shorter life has a later renewal.
        (EXAMPLE, ending("hub", 25, lifetime_days=90), None),
        (EXAMPLE, ending("hub", 20, lifetime_days=90), "Degraded"),
        (EXAMPLE, ending("hub", 13, lifetime_days=45), None),
        (EXAMPLE, ending("hub", 2, lifetime_days=6), None),
        (EXAMPLE, ending("hub", 1, lifetime_days=6), "Degraded"),
        # nobody but a person renews the one in a Secret
        (SECRET, ending("hub", 20, lifetime_days=365), None),
        (SECRET, ending("hub", 13, lifetime_days=365), "Degraded"),
        (EXAMPLE, ending("application_credential", 13), "Degraded"),
        (EXAMPLE, ending("application_credential", 15), None),
        (EXAMPLE, Expiry(what="application_credential", name="nightly"), None),
        (EXAMPLE, ending("token", 0.2), "Degraded"),
        (EXAMPLE, Expiry(what="hub", unknown="connection refused"), None),
    ],
)
def test_what_ends_soon_or_has_ended(site: Site, one: Expiry, level: str | None) -> None:
    findings = judged(one, site=site)
    assert [finding.level for finding in findings] == ([level] if level else [])
    assert {(finding.check, finding.category) for finding in findings} <= {("expiry", Category.EXPIRY)}


def test_the_values_that_were_seen_are_told() -> None:
    ended, soon = judged(ending("kubernetes_api", -2, name="at 192.0.2.7:6443"), ending("cluster_ca", 12, name=""))
    assert ended.summary == (
        "the certificate of the Kubernetes API at 192.0.2.7:6443 has ended 2 days ago, on 2026-11-23 04:00 UTC"
    )
    assert soon.summary == "the certificate of the cluster's authority ends in 12 days, on 2026-12-07 04:00 UTC"


@pytest.mark.parametrize(("days", "words"), [(-2.5, "2 days ago"), (1.9, "in 45 hours"), (0.04, "in 57 minutes")])
def test_the_time_that_is_left_is_told_in_what_is_whole_of_it(days: float, words: str) -> None:
    (finding,) = judged(ending("kubernetes_api", days))
    assert f" {words}, on " in finding.summary


def test_a_certificate_that_is_not_valid_yet_is_about_a_clock() -> None:
    begins_at = NOW + timedelta(hours=3)
    (finding,) = judged(Expiry(what="kubernetes_api", begins_at=begins_at, ends_at=begins_at + 365 * DAY))
    assert finding.level == "Unhealthy"
    assert "is not valid before 2026-11-25 07:00 UTC, and here it is 2026-11-25 04:00 UTC" in finding.summary
    assert "clock" in finding.remedy


@pytest.mark.parametrize(
    ("what", "driver", "site", "remedy"),
    [
        ("kubernetes_api", "heat", EXAMPLE, "`openstack coe ca rotate iris-cam`"),
        ("cluster_ca", "heat", EXAMPLE, "`openstack coe ca rotate iris-cam`"),
        ("kubernetes_api", "capi", EXAMPLE, "`openstack coe cluster upgrade iris-cam TEMPLATE`"),
        ("cluster_ca", "capi", EXAMPLE, "Ask the cloud's support"),
        ("hub", "heat", EXAMPLE, "deploy/autohttps"),
        ("hub", "heat", SECRET, "kubectl create secret tls hub-tls -n jhub"),
        ("application_credential", "heat", EXAMPLE, "where the site's cloud says: iris."),
        ("token", "heat", EXAMPLE, "put an application credential into iris"),
        ("password", "heat", EXAMPLE, "`openstack user password set`"),
    ],
)
def test_the_remedy_is_what_renews_it(what: str, driver: str, site: Site, remedy: str) -> None:
    (finding,) = judged(ending(what, -1), site=site, driver=driver)
    assert remedy in finding.remedy


def test_a_renewal_that_fails_is_said() -> None:
    (finding,) = judged(ending("hub", 20, lifetime_days=90))
    assert "should have been renewed by now" in finding.summary


def test_what_ends_first_and_what_is_unknown_in_one_line() -> None:
    seen = [
        ending("cluster_ca", 1800, name=""),
        ending("kubernetes_api", 364.5, name="at 192.0.2.7:6443"),
        Expiry(what="application_credential", name="nightly", unknown="not allowed"),
    ]
    assert told_expiry(seen, now=NOW) == (
        "the certificate of the Kubernetes API at 192.0.2.7:6443 ends first, in 364 days;"
        " the application credential nightly is unknown yet: not allowed"
    )
    assert told_expiry([Expiry(what="password", name="ann")], now=NOW) == "nothing that ends was seen"


def test_keystones_two_ways_to_write_a_time() -> None:
    assert moment_of("2026-11-25T04:00:00.000000") == NOW
    assert moment_of("2026-11-25T04:00:00.000000Z") == NOW
    assert moment_of(None) is None


@contextmanager
def serving(folder: Path, begins_at: datetime, ends_at: datetime) -> Iterator[int]:
    """A TLS server with a certificate of its own making; gives its port."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody.else.example.org")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins_at)
        .not_valid_after(ends_at)
        .sign(key, hashes.SHA256())
    )
    encoding, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    pair = folder / "pair.pem"
    pair.write_bytes(
        certificate.public_bytes(encoding) + key.private_bytes(encoding, kind, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection, context.wrap_socket(connection, server_side=True) as secured:
                secured.recv(1)

        thread = threading.Thread(target=answer)
        thread.start()
        yield int(server.getsockname()[1])
        thread.join(10)


def test_an_expired_certificate_of_another_name_is_read_all_the_same(tmp_path: Path) -> None:
    begins_at, ends_at = datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)
    with serving(tmp_path, begins_at, ends_at) as port:
        seen = observe_hub_certificate(EXAMPLE, f"https://127.0.0.1:{port}", timeout_s=5)
    assert seen == Expiry(what="hub", name=f"at 127.0.0.1:{port}", begins_at=begins_at, ends_at=ends_at)


def test_what_does_not_answer_in_tls_is_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        seen = observe_hub_certificate(EXAMPLE, f"https://127.0.0.1:{port}", timeout_s=0.2)
    assert seen is not None
    assert seen.ends_at is None
    assert "timed out" in seen.unknown
    refused = observe_hub_certificate(EXAMPLE, f"https://127.0.0.1:{port}", timeout_s=5)
    assert refused is not None
    assert "refused" in refused.unknown


def test_a_hub_without_https_has_no_certificate() -> None:
    assert observe_hub_certificate(with_https(HttpsOff(kind="off")), "http://192.0.2.1", timeout_s=1) is None
