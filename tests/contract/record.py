"""Write the recorded answers anew, from the real services that the environment names (see conftest.py).

python -m tests.contract.record [what pytest takes, e.g. a folder or -k floating]
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    given = sys.argv[1:]
    paths = [argument for argument in given if Path(argument).exists()]
    sys.exit(pytest.main(["--record", *given, *([] if paths else [str(Path(__file__).parent)])]))
