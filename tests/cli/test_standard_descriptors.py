"""Standard streams that whoever started the process has closed."""

from __future__ import annotations

import subprocess
import sys

import pytest

FILL = """
import os, sys
from gateway.cli.standard_descriptors import fill_standard_descriptors
fill_standard_descriptors()
null = os.stat(os.devnull).st_rdev
first = os.open("/", os.O_RDONLY)
print("out"), print("err", file=sys.stderr)
is_null = "".join("01"[os.fstat(number).st_rdev == null] for number in range(3))
os.write(3, f"{is_null} {[os.get_inheritable(number) for number in range(3)]} {first > 2}".encode())
"""


@pytest.mark.parametrize(
    ("redirection", "is_null"),
    [("<&- >&- 2>&-", "111"), (">&- 2>&-", "011"), ("<&- 2>&-", "101"), (">&-", "010"), ("", "000")],
)
def test_the_null_device_stands_in_for_what_is_closed_and_nothing_else_gets_its_number(redirection, is_null):
    shell = f'exec "$0" -c "$1" 3>&1 {redirection}'
    done = subprocess.run(
        ["sh", "-c", shell, sys.executable, FILL], input=b"", capture_output=True, check=True
    )
    told, out_is_closed, err_is_closed = done.stdout.decode(), is_null[1] == "1", is_null[2] == "1"
    assert told.replace("out\n", "") == f"{is_null} [True, True, True] True"
    assert ("out\n" in told) != out_is_closed
    assert (done.stderr == b"err\n") != err_is_closed
