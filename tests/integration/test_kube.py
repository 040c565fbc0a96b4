"""The Kubernetes adapter against a real API, or one that behaves as it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from magnumhub.domain.errors import DeadlineError, NotOursError, RefusedError
from magnumhub.domain.spec import DynamicStorage, EphemeralStorage
from magnumhub.kube.client import Kube, KubeCredentials, kube_client
from magnumhub.kube.crds import apply_crds
from magnumhub.kube.errors import NotFoundError
from magnumhub.kube.lease import NAMESPACE, myself, site_lease
from magnumhub.kube.pods import wait_for_workloads
from magnumhub.kube.readiness import wait_for_nodes
from magnumhub.kube.secrets import ensure_namespace, ensure_token, read_secret, write_secret
from magnumhub.kube.services import external_ip, service_ports, wait_for_external_ip
from magnumhub.kube.storage import ensure_storage_class


def quiet(_: str) -> None:
    return


@pytest.fixture
def namespace(kube: Kube) -> str:
    name = f"t-{uuid.uuid4().hex[:8]}"
    assert ensure_namespace(kube, name, site="test") == "created"
    return name


def service(kube: Kube, namespace: str) -> None:
    spec = {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"name": "http", "port": 8080}]}
    kube.core.create_namespaced_service(namespace, {"metadata": {"name": "web"}, "spec": spec})


def give_address(kube: Kube, namespace: str, address: str) -> None:
    status = {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}
    kube.core.patch_namespaced_service_status("web", namespace, status)


def test_a_namespace_is_made_once(kube: Kube, namespace: str) -> None:
    assert ensure_namespace(kube, namespace, site="test") == "kept"


def test_a_token_is_made_once_and_found_again(kube: Kube, namespace: str) -> None:
    first = ensure_token(kube, namespace, "tokens", "gateway", site="test")
    assert len(first) == 64
    assert ensure_token(kube, namespace, "tokens", "gateway", site="test") == first
    other = ensure_token(kube, namespace, "tokens", "check", site="test")
    assert read_secret(kube, namespace, "tokens") == {"gateway": first, "check": other}


def test_stages_side_by_side_agree_on_every_token(kube: Kube, namespace: str) -> None:
    for attempt in range(15):
        name = f"tokens-{attempt}"

        def stage(_: int, name: str = name) -> dict[str, str]:
            return {key: ensure_token(kube, namespace, name, key, site="test") for key in ("gateway", "check")}

        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(stage, range(4)))
        assert made == [read_secret(kube, namespace, name)] * 4


def test_a_secret_of_others_is_not_touched(kube: Kube, namespace: str) -> None:
    kube.core.create_namespaced_secret(namespace, {"metadata": {"name": "theirs"}, "stringData": {"a": "b"}})
    with pytest.raises(NotOursError, match="theirs"):
        write_secret(kube, namespace, "theirs", {"a": "c"}, site="test")
    with pytest.raises(NotOursError, match="theirs"):
        ensure_token(kube, namespace, "theirs", "a", site="test")
    assert read_secret(kube, namespace, "missing") is None


def test_an_address_is_seen_within_a_second(kube: Kube, namespace: str, credentials: KubeCredentials) -> None:
    assert external_ip(kube, namespace, "web") is None
    service(kube, namespace)
    assert external_ip(kube, namespace, "web") is None
    assert service_ports(kube, namespace, "web") == {"http": 8080}
    given: list[float] = []

    def later() -> None:
        time.sleep(1.5)
        give_address(kube, namespace, "192.0.2.7")
        given.append(time.monotonic())

    thread = threading.Thread(target=later)
    thread.start()
    found = wait_for_external_ip(kube, namespace, "web", asked="192.0.2.7", deadline_s=20, report=quiet)
    seen = time.monotonic()
    thread.join()
    assert found == "192.0.2.7"
    assert seen - given[0] < 1
    assert external_ip(kube, namespace, "web") == "192.0.2.7"


def test_a_pending_address_is_explained_by_the_controllers_event(kube: Kube, namespace: str) -> None:
    service(kube, namespace)
    event: dict[str, Any] = {
        "metadata": {"generateName": "web."},
        "involvedObject": {"kind": "Service", "name": "web", "namespace": namespace},
        "type": "Warning",
        "reason": "SyncLoadBalancerFailed",
        "message": "floating IP 192.0.2.9 is not available",
    }
    kube.core.create_namespaced_event(namespace, event)
    with pytest.raises(DeadlineError, match=r"SyncLoadBalancerFailed: floating IP 192\.0\.2\.9 is not available"):
        wait_for_external_ip(kube, namespace, "web", asked="192.0.2.9", deadline_s=1.5, report=quiet)


def test_another_address_than_asked_is_told(kube: Kube, namespace: str) -> None:
    service(kube, namespace)
    give_address(kube, namespace, "192.0.2.1")
    with pytest.raises(DeadlineError, match=r"is at 192\.0\.2\.1, asked for 192\.0\.2\.2"):
        wait_for_external_ip(kube, namespace, "web", asked="192.0.2.2", deadline_s=1.5, report=quiet)


def test_a_missing_service_is_not_waited_for(kube: Kube, namespace: str) -> None:
    with pytest.raises(NotFoundError):
        wait_for_external_ip(kube, namespace, "web", asked=None, deadline_s=60, report=quiet)


def deployment(kube: Kube, namespace: str, name: str, cpu: str) -> None:
    labels = {"app": name, "release": name}
    container = {"name": "c", "image": "nginx", "resources": {"requests": {"cpu": cpu}}}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": {"app": name}}, "template": template}
    kube.apps.create_namespaced_deployment(namespace, {"metadata": {"name": name, "labels": labels}, "spec": spec})


def test_workloads_that_never_come_say_why(kube: Kube, namespace: str) -> None:
    deployment(kube, namespace, "theirs", cpu="8888")
    deployment(kube, namespace, "web", cpu="9999")
    with pytest.raises(DeadlineError, match=r"web: 0 of 1 available[\s\S]*no node for it") as caught:
        wait_for_workloads(kube, namespace, selector="release=web", deadline_s=3, report=quiet)
    assert "theirs" not in str(caught.value)
    with pytest.raises(NotFoundError, match="has no deployment"):
        wait_for_workloads(kube, namespace, selector="release=gone", deadline_s=3, report=quiet)


def test_definitions_are_applied_once_and_when_they_change(kube: Kube) -> None:
    plural = f"things{uuid.uuid4().hex[:6]}"
    names = {"plural": plural, "singular": plural[:-1], "kind": plural.capitalize()}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    crd: dict[str, Any] = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.example.org"},
        "spec": {"group": "example.org", "scope": "Namespaced", "names": names, "versions": [version]},
    }
    assert apply_crds(kube, [crd], deadline_s=20) == "created"
    assert apply_crds(kube, [crd], deadline_s=20) == "kept"
    crd["spec"]["names"]["shortNames"] = ["th"]
    assert apply_crds(kube, [crd], deadline_s=20) == "changed"
    assert apply_crds(kube, [], deadline_s=20) == "kept"


def test_a_storage_class_is_found_or_made_once(kube: Kube) -> None:
    dynamic = DynamicStorage(kind="dynamic")
    name, _ = ensure_storage_class(kube, dynamic, site="test")
    assert ensure_storage_class(kube, dynamic, site="test") == (name, "kept")
    assert ensure_storage_class(kube, EphemeralStorage(kind="ephemeral"), site="test") == ("", "skipped")
    with pytest.raises(RefusedError, match="no StorageClass gone"):
        ensure_storage_class(kube, DynamicStorage.model_validate({"class": "gone"}), site="test")


def test_nodes_that_never_come_are_counted(kube: Kube) -> None:
    with pytest.raises(DeadlineError, match="of 1000 nodes ready"):
        wait_for_nodes(kube, 1000, deadline_s=1.5, report=quiet)


def test_an_api_that_does_not_answer_is_told(credentials: KubeCredentials) -> None:
    with (
        kube_client(credentials.at("https://127.0.0.1:1")) as nowhere,
        pytest.raises(DeadlineError, match="Connection refused"),
    ):
        wait_for_nodes(nowhere, 1, deadline_s=1.5, report=quiet)


def test_one_run_at_a_time(kube: Kube) -> None:
    site = f"s-{uuid.uuid4().hex[:8]}"
    elsewhere = "another-host:1/4711/99"
    with site_lease(kube, site, wait_s=0, report=quiet) as lease:
        lease.check()
        held = kube.coordination.read_namespaced_lease(f"magnumhub-{site}", NAMESPACE)
        assert held.spec.holder_identity == str(myself())
        held.spec.holder_identity = elsewhere
        kube.coordination.replace_namespaced_lease(f"magnumhub-{site}", NAMESPACE, held)
    with pytest.raises(DeadlineError, match=elsewhere), site_lease(kube, site, wait_s=1, report=quiet):
        pytest.fail("two runs hold the site")


def hold_elsewhere(kube: Kube, site: str, renewed: datetime) -> str:
    """A lease of another machine."""
    identity = "another-host:1/4711/99"
    spec = {
        "holderIdentity": identity,
        "leaseDurationSeconds": 30,
        "renewTime": renewed.isoformat(timespec="microseconds"),
    }
    body = {"metadata": {"name": f"magnumhub-{site}"}, "spec": spec}
    kube.coordination.create_namespaced_lease(NAMESPACE, body)
    return identity


def test_another_machines_clock_is_not_believed(kube: Kube) -> None:
    site = f"s-{uuid.uuid4().hex[:8]}"
    identity = hold_elsewhere(kube, site, datetime.now(UTC) - timedelta(hours=1))
    with pytest.raises(DeadlineError, match=identity), site_lease(kube, site, wait_s=2, report=quiet):
        pytest.fail("taken from a run that may be alive")


def test_a_lease_that_nobody_renews_is_taken(kube: Kube) -> None:
    site = f"s-{uuid.uuid4().hex[:8]}"
    hold_elsewhere(kube, site, datetime.now(UTC) + timedelta(hours=1))
    start = time.monotonic()
    with site_lease(kube, site, wait_s=60, report=quiet):
        assert 30 < time.monotonic() - start < 40


def test_a_run_whose_site_was_taken_is_told(kube: Kube) -> None:
    site = f"s-{uuid.uuid4().hex[:8]}"
    with site_lease(kube, site, wait_s=0, report=quiet) as lease:
        held = kube.coordination.read_namespaced_lease(f"magnumhub-{site}", NAMESPACE)
        held.spec.holder_identity = "another-host:1/4711/99"
        kube.coordination.replace_namespaced_lease(f"magnumhub-{site}", NAMESPACE, held)
        lease.check()
        end = time.monotonic() + 15
        with pytest.raises(RefusedError, match="another-host:1/4711/99"):
            while time.monotonic() < end:
                lease.check()
                time.sleep(0.2)


def test_the_lease_of_a_dead_process_here_is_taken_at_once(kube: Kube, credentials: KubeCredentials) -> None:
    site = f"s-{uuid.uuid4().hex[:8]}"
    code = (
        "import os, sys\n"
        "from magnumhub.kube.client import from_kubeconfig, kube_client\n"
        "from magnumhub.kube.lease import site_lease\n"
        "with kube_client(from_kubeconfig(sys.stdin.read())) as kube:\n"
        "    site_lease(kube, sys.argv[1], wait_s=0, report=print).__enter__()\n"
        "    os._exit(9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, site], input=credentials.as_kubeconfig(), text=True)
    assert ended.returncode == 9
    start = time.monotonic()
    with site_lease(kube, site, wait_s=5, report=quiet):
        assert time.monotonic() - start < 2
    assert not kube.coordination.read_namespaced_lease(f"magnumhub-{site}", NAMESPACE).spec.holder_identity


def test_a_waiting_run_goes_on_when_the_other_ends(kube: Kube) -> None:
    site = f"s-{uuid.uuid4().hex[:8]}"
    told: list[str] = []
    with site_lease(kube, site, wait_s=0, report=quiet):
        lease = kube.coordination.read_namespaced_lease(f"magnumhub-{site}", NAMESPACE)
        lease.spec.holder_identity = "another-host:1/4711/99"
        kube.coordination.replace_namespaced_lease(f"magnumhub-{site}", NAMESPACE, lease)

    def release() -> None:
        held = kube.coordination.read_namespaced_lease(f"magnumhub-{site}", NAMESPACE)
        held.spec.holder_identity = ""
        kube.coordination.replace_namespaced_lease(f"magnumhub-{site}", NAMESPACE, held)

    timer = threading.Timer(1.0, release)
    timer.start()
    start = time.monotonic()
    with site_lease(kube, site, wait_s=20, report=told.append):
        assert time.monotonic() - start < 4
    assert told == [f"waiting for another run on site {site}: another-host:1/4711/99"]
