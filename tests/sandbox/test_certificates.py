"""The authority of an imitated cluster, as strict clients see it."""

from __future__ import annotations

import socket
import ssl
import threading

from sandbox.kube.certificates import Authority
from sandbox.openstack.certificates import make_ca


def test_the_strict_check_of_python_3_13_accepts_the_api_server() -> None:
    certificate, key = make_ca("heat")
    server = Authority(certificate, key).server_context(["127.0.0.1"])
    strict = ssl.create_default_context(cadata=certificate.decode())
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            server.wrap_socket(connection, server_side=True).close()

        threading.Thread(target=answer, daemon=True).start()
        with (
            socket.create_connection(listening.getsockname(), timeout=10) as connection,
            strict.wrap_socket(connection, server_hostname="127.0.0.1") as trusted,
        ):
            assert trusted.version() is not None
