import sys

from benchmarks.incidents.report import main

sys.exit(main())
