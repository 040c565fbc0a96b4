"""Images are environments, and their Python lives in the pod's network."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import images

ADDRESS, NAMESPACE = "127.9.16.7", "jhub"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of images of this module's own."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(folder)
    yield folder
    del os.environ["XDG_CACHE_HOME"]
    if before is not None:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image with nothing but Python: it needs no network."""
    file = tmp_path_factory.mktemp("images") / "empty-1.txt"
    file.write_text("# nothing but Python\n")
    return images.build(file)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A node's table of names."""
    file = tmp_path / "names.json"
    names = {"hub.jhub": ["127.9.20.5"], "dask-1.dask-gateway": ["127.9.16.9", "127.9.16.8"], "dask-2.dask-gateway": []}
    file.write_text(json.dumps(names))
    return file


def in_pod(image: Path, table: Path, code: str) -> str:
    """What a Python program in a pod prints."""
    environment = {
        "PATH": f"{image}/bin:/usr/bin:/bin",
        "HOSTNAME": "hub-7d9f",
        "PODNET_ADDRESS": ADDRESS,
        "PODNET_NAMESPACE": NAMESPACE,
        "PODNET_TABLE": str(table),
        "PODNET_RANGES": "127.9.16.0/22,127.9.20.0/22",
    }
    done = subprocess.run(["python", "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("reference", "file"),
    [
        ("quay.io/jupyterhub/k8s-hub:4.4.0", "k8s-hub-4.4.0.txt"),
        ("localhost:5000/k8s-hub:4.4.0", "k8s-hub-4.4.0.txt"),
        ("k8s-hub:4.4.0", "k8s-hub-4.4.0.txt"),
        ("k8s-hub", None),
        ("k8s-hub:9", None),
        ("k8s-hub@sha256:0123", None),
        ("../secret:1", None),
    ],
)
def test_an_image_is_the_file_of_its_name_and_tag(tmp_path: Path, reference: str, file: str | None) -> None:
    (tmp_path / "k8s-hub-4.4.0.txt").touch()
    assert images.requirements_file(reference, tmp_path) == (tmp_path / file if file else None)


def test_an_image_is_built_once_and_a_changed_file_is_another(tmp_path: Path) -> None:
    file = tmp_path / "x-1.txt"
    file.write_text("# one\n")
    first = images.build(file)
    made = first.stat().st_ctime_ns
    assert images.build(file) == first
    assert first.stat().st_ctime_ns == made
    file.write_text("# two\n")
    assert images.build(file) != first


def test_a_build_that_was_interrupted_starts_afresh(tmp_path: Path) -> None:
    file = tmp_path / "x-2.txt"
    file.write_text("# interrupted\n")
    environment = images.build(file)
    (environment / ".complete").unlink()
    (environment / "bin" / "python").unlink()
    assert images.build(file) == environment
    assert (environment / "bin" / "python").exists()


def test_a_wrong_pin_is_told_in_uvs_words(tmp_path: Path) -> None:
    file = tmp_path / "x-3.txt"
    file.write_text("numpy==not-a-version\n")
    with pytest.raises(images.ImageError, match="not-a-version"):
        images.build(file)


def test_an_image_may_need_an_older_python(tmp_path: Path) -> None:
    file = tmp_path / "old-1.txt"
    file.write_text("# nothing but Python\n")
    file.with_suffix(".in").write_text("# python < 3.99: no wheels for newer ones.\n")
    assert images.build(file), "the sandbox's own Python is old enough"
    file.with_suffix(".in").write_text("# python < 3.11: older than any that the sandbox runs on.\n")
    with pytest.raises(images.NoPythonError, match="none is installed"):
        images.build(file)


def test_an_image_without_a_python_is_told_and_the_others_are_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "old-2.txt").write_text("# nothing but Python, of the past\n")
    (tmp_path / "old-2.in").write_text("# python < 3.11: older than any that the sandbox runs on.\n")
    (tmp_path / "new-2.txt").write_text("# nothing but Python, of today\n")
    monkeypatch.setattr(images, "FOLDER", tmp_path)
    assert images.main() == 0
    told = capsys.readouterr().out
    assert "Without the image old-2: needs a Python >=3.11,<3.11, and none is installed here" in told
    assert "new-2 in" in told and images.build(tmp_path / "new-2.txt")


def test_outside_a_pod_nothing_is_changed(image: Path) -> None:
    code = "import socket, sys; print(socket.socket.bind.__qualname__, 'uvloop' in sys.modules)"
    done = subprocess.run([image / "bin/python", "-c", code], env={}, capture_output=True, text=True, check=True)
    assert "_install" not in done.stdout
    assert done.stdout.endswith("False\n")


@pytest.mark.parametrize("host", ["", "0.0.0.0"])
def test_any_address_is_the_pods_own(image: Path, table: Path, host: str) -> None:
    code = f"import socket; s = socket.socket(); s.bind(({host!r}, 0)); print(s.getsockname()[0])"
    assert in_pod(image, table, code) == ADDRESS


def test_any_ipv6_address_is_the_pods_own(image: Path, table: Path) -> None:
    code = "import socket; s = socket.socket(socket.AF_INET6); s.bind(('::', 0)); print(s.getsockname()[0])"
    assert in_pod(image, table, code) == f"::ffff:{ADDRESS}"


def test_a_server_of_asyncio_listens_on_the_pods_address_alone(image: Path, table: Path) -> None:
    code = """
import asyncio
async def main():
    server = await asyncio.start_server(None, None, 8888)
    print([s.getsockname()[0] for s in server.sockets])
asyncio.run(main())
"""
    assert in_pod(image, table, code) == f"['{ADDRESS}']"


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("hub", ["127.9.20.5"]),
        ("hub.jhub", ["127.9.20.5"]),
        ("hub.jhub.svc", ["127.9.20.5"]),
        ("hub.jhub.svc.cluster.local", ["127.9.20.5"]),
        ("hub.jhub.svc.cluster.local.", ["127.9.20.5"]),
        ("dask-1.dask-gateway", ["127.9.16.8", "127.9.16.9"]),
        ("hub-7d9f", [ADDRESS]),
        ("127.0.0.1", ["127.0.0.1"]),
        ("localhost", ["127.0.0.1"]),
    ],
)
def test_names_resolve_as_in_a_cluster(image: Path, table: Path, name: str, addresses: list[str]) -> None:
    code = f"""
import socket
print(sorted({{entry[4][0] for entry in socket.getaddrinfo({name!r}, 80, socket.AF_INET)}}))
"""
    assert in_pod(image, table, code) == str(addresses)


@pytest.mark.parametrize("name", ["dask-1", "dask-2.dask-gateway", "gone.jhub", "gone.elsewhere.svc"])
def test_a_name_that_the_cluster_lacks_is_unknown_at_once(image: Path, table: Path, name: str) -> None:
    code = f"""
import socket
try:
    socket.getaddrinfo({name!r}, 80)
except socket.gaierror as error:
    print(error.errno == socket.EAI_NONAME)
"""
    assert in_pod(image, table, code) == "True"


def test_the_table_is_read_again_when_it_is_replaced(image: Path, table: Path) -> None:
    code = f"""
import json, os, socket
before = socket.gethostbyname("hub")
new = {str(table)!r} + ".new"
with open(new, "w") as file:
    json.dump({{"hub.jhub": ["127.9.20.6"]}}, file)
os.replace(new, {str(table)!r})
print(before, socket.gethostbyname("hub"))
"""
    assert in_pod(image, table, code) == "127.9.20.5 127.9.20.6"


@pytest.mark.parametrize(("listener", "peer"), [("127.9.16.8", ADDRESS), ("127.0.0.1", "127.0.0.1")])
def test_pods_come_from_their_own_address(image: Path, table: Path, listener: str, peer: str) -> None:
    code = f"""
import socket
server = socket.create_server(({listener!r}, 0))
client = socket.create_connection(server.getsockname())
print(server.accept()[1][0])
"""
    assert in_pod(image, table, code) == peer


def test_a_pod_knows_itself_by_its_name(image: Path, table: Path) -> None:
    code = "import socket; print(socket.gethostname(), socket.getfqdn(), socket.gethostbyname(socket.gethostname()))"
    assert in_pod(image, table, code) == f"hub-7d9f hub-7d9f {ADDRESS}"


def test_what_goes_past_pythons_sockets_is_not_there(image: Path, table: Path) -> None:
    code = """
for name in ("aiodns", "pycurl", "uvloop"):
    try:
        __import__(name)
    except ImportError:
        print(name)
"""
    assert in_pod(image, table, code).split() == ["aiodns", "pycurl", "uvloop"]
