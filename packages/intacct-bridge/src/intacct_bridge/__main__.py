"""`python -m intacct_bridge`, and the `intacct` command."""

import sys


def main() -> None:
    """Run the command line and end the process with its exit status."""
    from intacct_bridge.apps.cli.app import main as run
    from intacct_bridge.apps.terminal.process import end_without_collection

    end_without_collection()
    sys.exit(run())


if __name__ == "__main__":
    main()
