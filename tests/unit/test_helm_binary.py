"""Why a download on a master failed, and whether trying again can help."""

from __future__ import annotations

import pytest

from magnumhub.remote.helm_binary import download_failure


@pytest.mark.parametrize(
    ("exit_code", "said", "transient"),
    [
        (6, "curl: (6) Could not resolve host: get.helm.sh", True),
        (28, "curl: (28) Connection timed out", True),
        (22, "curl: (22) The requested URL returned error: 503", True),
        (22, "curl: (22) The requested URL returned error: 429", True),
        (22, "curl: (22) The requested URL returned error: 404", False),
        (1, "sha256sum: WARNING: 1 computed checksum did NOT match", False),
        (127, "sh: curl: not found", False),
    ],
)
def test_only_what_may_pass_is_tried_again(exit_code: int, said: str, transient: bool) -> None:
    error = download_failure("master-0 could not download URL", exit_code, said)
    assert error.transient == transient
    assert error.message == f"master-0 could not download URL: {said}"
    assert "helm.source: upload" in error.hint
