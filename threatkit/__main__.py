"""`python -m threatkit`, for machines where the `threatkit` command is not on the path."""

import sys

from threatkit.cli import main

sys.exit(main())
