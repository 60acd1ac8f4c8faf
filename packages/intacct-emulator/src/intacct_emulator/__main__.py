"""`python -m intacct_emulator`, and the `intacct-emulator` command."""

import sys

from intacct_emulator.command.program import main

if __name__ == "__main__":
    sys.exit(main())
