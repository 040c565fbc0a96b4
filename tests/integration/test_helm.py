"""Releases through real Helm on a machine over ssh, and on the runner: repeats, crashes, refusals."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import tarfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from magnumhub.domain.errors import DeadlineError, FailedError, RefusedError
from magnumhub.domain.spec import HelmSpec
from magnumhub.kube.client import Kube, KubeCredentials
from magnumhub.kube.releases import installed_releases
from magnumhub.kube.secrets import ensure_namespace
from magnumhub.remote.access import Access
from magnumhub.remote.charts import ChartArchive, read_archive
from magnumhub.remote.helm import Helm, prepare_helm
from magnumhub.remote.helm_binary import ensure_on_master, local_executable
from magnumhub.remote.releases import ensure_release, find_release, list_releases, release_values, uninstall
from magnumhub.remote.session import Reached, reach
from magnumhub.remote.ssh import SSHShell
from tests.support.ssh import SandboxServer, target_of

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: demo\nversion: {version}\nappVersion: '9.9'\n",
    "values.yaml": "slow: false\n",
    "values.schema.json": json.dumps(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "additionalProperties": False,
            "properties": {"color": {"type": "string"}, "slow": {"type": "boolean"}, "token": {"type": "string"}},
        }
    ),
    "templates/claim.yaml": (
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: data}}\n"
        "spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}\n"
    ),
    "templates/map.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: demo}}\n"
        'data: {{color: {{{{ .Values.color | default "none" | quote }}}}}}\n'
    ),
    "templates/slow.yaml": (
        "{{{{- if .Values.slow }}}}\napiVersion: batch/v1\nkind: Job\nmetadata:\n  name: slow\n"
        "  annotations: {{helm.sh/hook: 'pre-install,pre-upgrade', helm.sh/hook-delete-policy: before-hook-creation}}\n"
        "spec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: c, image: never-ready}}]}}}}}}\n"
        "{{{{- end }}}}\n"
    ),
}


def packed(version: str = "1.0.0") -> ChartArchive:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in CHART.items():
            data = (text if name == "values.schema.json" else text.format(version=version)).encode()
            member = tarfile.TarInfo(f"demo/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return read_archive(content.getvalue())


def quiet(_: str) -> None:
    return


@pytest.fixture(params=["master", "runner"])
def reached(request: pytest.FixtureRequest, machine: SandboxServer, credentials: KubeCredentials) -> Iterator[Reached]:
    access = Access(
        via="master" if request.param == "master" else "kubeconfig",
        api_server=credentials.server,
        ssh=target_of(machine) if request.param == "master" else None,
        helm_on=request.param,
    )
    with reach(
        access,
        ca_pem=credentials.ca_pem,
        certificate_pem=credentials.certificate_pem,
        key_pem=credentials.key_pem,
        ssh_deadline_s=10,
        api_timeout_s=20,
        report=quiet,
    ) as opened:
        yield opened


@pytest.fixture
def helm(reached: Reached, helm_spec: HelmSpec, machine: SandboxServer) -> Helm:
    # Uploading 60 MB is tested once; here it is there already.
    there = machine.home / ".magnumhub/bin/helm-4.1.4"
    there.parent.mkdir(parents=True)
    there.symlink_to(str(helm_spec.path))
    return prepare_helm(reached, helm_spec, report=quiet)


@pytest.fixture
def small_helm(tmp_path: Path) -> Path:
    """An executable that says it is Helm 4.9.9."""
    path = tmp_path / "helm"
    path.write_text("#!/bin/sh\necho v4.9.9\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def namespace(kube: Kube) -> str:
    name = f"t-{uuid.uuid4().hex[:8]}"
    ensure_namespace(kube, name, site="test")
    return name


def settle(helm: Helm, namespace: str, values: dict[str, Any], version: str = "1.0.0", deadline_s: float = 60) -> Any:
    return ensure_release(helm, "demo", namespace, packed(version), values, deadline_s=deadline_s, report=quiet)


def test_installed_then_kept_then_changed(helm: Helm, namespace: str, kube: Kube) -> None:
    first = settle(helm, namespace, {"color": "red"})
    again = settle(helm, namespace, {"color": "red"})
    changed = settle(helm, namespace, {"color": "blue"})
    newer = settle(helm, namespace, {"color": "blue"}, version="1.1.0")
    assert [(r.action, r.revision, r.version) for r in (first, again, changed, newer)] == [
        ("created", 1, "1.0.0"),
        ("kept", 1, "1.0.0"),
        ("changed", 2, "1.0.0"),
        ("changed", 3, "1.1.0"),
    ]
    assert kube.core.read_namespaced_config_map("demo", namespace).data == {"color": "blue"}
    assert release_values(helm, "demo", namespace) == {"color": "blue"}
    assert [seen for seen in installed_releases(kube) if seen.namespace == namespace] == [
        newer.model_copy(update={"action": "kept"})
    ]


def test_values_refused_by_the_schema_name_the_key(helm: Helm, namespace: str) -> None:
    with pytest.raises(RefusedError, match=r"colour"):
        settle(helm, namespace, {"colour": "red"})
    assert find_release(helm, "demo", namespace) is None


def test_no_key_and_no_values_stay_on_the_machine(
    helm: Helm, namespace: str, machine: SandboxServer, tmp_path: Path
) -> None:
    settle(helm, namespace, {"token": "very-secret-token"})
    key = helm.kubeconfig.split("client-key-data: ")[1].split()[0]
    folders = [machine.home, tmp_path / "state/magnumhub"]
    left = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.stat().st_size < 10**6]
    assert left
    for path in left:
        content = path.read_bytes()
        assert b"very-secret-token" not in content, path
        assert key.encode() not in content, path


def test_a_killed_install_is_recovered_and_keeps_its_volume(helm: Helm, namespace: str, kube: Kube) -> None:
    kill_in_hook(helm, namespace)
    assert [seen.status for seen in list_releases(helm, namespace)] == ["pending-install"]
    done = settle(helm, namespace, {"color": "red"})
    assert (done.status, done.action) == ("deployed", "changed")


def test_a_killed_upgrade_is_recovered_and_keeps_its_volume(helm: Helm, namespace: str, kube: Kube) -> None:
    settle(helm, namespace, {"color": "red"})
    before = kube.core.read_namespaced_persistent_volume_claim("data", namespace).metadata.uid
    kill_in_hook(helm, namespace)
    assert [seen.status for seen in list_releases(helm, namespace)] == ["pending-upgrade"]
    done = settle(helm, namespace, {"color": "blue"})
    assert done.status == "deployed"
    assert kube.core.read_namespaced_persistent_volume_claim("data", namespace).metadata.uid == before
    assert kube.core.read_namespaced_config_map("demo", namespace).data == {"color": "blue"}


def test_a_running_helm_is_found_and_waited_for(helm: Helm, namespace: str, kube: Kube) -> None:
    start_slow(helm, namespace)
    with pytest.raises(DeadlineError, match="has not ended"):
        settle(helm, namespace, {"color": "red"}, deadline_s=2)
    assert helm.job("demo", namespace).state().step == "running"
    kill(helm, namespace)


def test_a_hook_that_never_ends_is_explained(helm: Helm, namespace: str) -> None:
    with pytest.raises(FailedError, match="slow"):
        settle(helm, namespace, {"slow": True}, deadline_s=6)
    assert settle(helm, namespace, {"color": "red"}).status == "deployed"


def test_uninstalled_and_gone(helm: Helm, namespace: str) -> None:
    settle(helm, namespace, {})
    assert uninstall(helm, "demo", namespace, deadline_s=30, report=quiet) == "changed"
    assert uninstall(helm, "demo", namespace, deadline_s=30, report=quiet) == "kept"
    assert list_releases(helm, namespace) == []


def test_an_uploaded_helm_is_kept_while_it_is_the_same(machine: SandboxServer, small_helm: Path) -> None:
    spec = HelmSpec(version="4.9.9", source="upload", path=str(small_helm))
    uploaded = machine.home / ".magnumhub/bin/helm-4.9.9"
    with closing(SSHShell(target_of(machine))) as shell:
        assert ensure_on_master(shell, spec, report=quiet) == (str(uploaded), "created")
        assert ensure_on_master(shell, spec, report=quiet) == (str(uploaded), "kept")
        uploaded.write_bytes(b"broken")
        assert ensure_on_master(shell, spec, report=quiet) == (str(uploaded), "created")
    assert uploaded.stat().st_mode & 0o777 == 0o700
    assert uploaded.read_bytes() == small_helm.read_bytes()


def test_a_master_downloads_only_what_has_the_digest(machine: SandboxServer, small_helm: Path, tmp_path: Path) -> None:
    archive = tmp_path / "helm.tgz"
    with tarfile.open(archive, "w:gz") as packed_helm:
        packed_helm.add(small_helm, "linux-amd64/helm")
    curl = machine.home / "bin/curl"
    curl.write_text(f'#!/bin/sh\ncp {archive} "$5"\n')
    curl.chmod(0o755)
    wanted = HelmSpec(version="4.9.9", sha256=hashlib.sha256(archive.read_bytes()).hexdigest())
    with closing(SSHShell(target_of(machine))) as shell:
        with pytest.raises(RefusedError, match="checksum did NOT match"):
            ensure_on_master(shell, HelmSpec(version="4.9.9", sha256="0" * 64), report=quiet)
        downloaded = f"{machine.home}/.magnumhub/bin/helm-4.9.9"
        assert ensure_on_master(shell, wanted, report=quiet) == (downloaded, "created")
        assert ensure_on_master(shell, wanted, report=quiet) == (downloaded, "kept")


def test_another_version_at_helm_path_is_refused(small_helm: Path) -> None:
    with pytest.raises(RefusedError, match=r"is Helm 4\.9\.9, helm\.version is 4\.0\.0"):
        local_executable(HelmSpec(version="4.0.0", path=str(small_helm)), report=quiet)


def start_slow(helm: Helm, namespace: str) -> None:
    """Start a Helm as an earlier run would have, and leave it in its hook."""
    archive, values = packed(), {"slow": True}
    job = helm.job("demo", namespace)
    words = (
        "upgrade",
        "demo",
        "{chart}",
        "--install",
        "--namespace",
        namespace,
        "--values",
        "{values}",
        "--timeout",
        "60s",
    )
    job.start(
        helm.line(*words),
        {"kubeconfig": helm.kubeconfig.encode(), "chart": archive.content, "values": json.dumps(values).encode()},
    )
    end = time.monotonic() + 20
    while not [seen for seen in list_releases(helm, namespace) if seen.status.startswith("pending")]:
        assert time.monotonic() < end
        time.sleep(0.1)


def kill(helm: Helm, namespace: str) -> None:
    """SIGKILL everything of the job: the wrapper and Helm."""
    folder = f"/.magnumhub/jobs/{helm.job('demo', namespace).name}"
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str((process / "cwd").readlink()).endswith(folder):
                os.kill(int(process.name), signal.SIGKILL)


def kill_in_hook(helm: Helm, namespace: str) -> None:
    start_slow(helm, namespace)
    kill(helm, namespace)
