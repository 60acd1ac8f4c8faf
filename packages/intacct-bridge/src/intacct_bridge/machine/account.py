"""The person at this machine: the account of the operating system that runs the command."""

import getpass
import os
import sys


def machine_name() -> str:
    """The name of this machine; empty if the operating system does not tell."""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


def account_name() -> str:
    """The account's name, from the operating system and not from a variable such as USER, which anyone can set."""
    if sys.platform == "win32":
        return getpass.getuser()
    import pwd

    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"
