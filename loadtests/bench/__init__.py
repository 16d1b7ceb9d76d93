"""Longshore compared with its floors and its peers, in one run on one machine.

    python -m loadtests.bench

Absolute figures drift with the machine; what is printed and judged are ratios of cells that ran
within seconds of each other.
"""

import os

# Of the floors and the peers, as the server has it: an uploader would be measured with them.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
