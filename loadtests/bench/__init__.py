"""Longshore compared with its floors and its peers, in one run on one machine.

    python -m loadtests.bench

Absolute figures drift with the machine; what is printed and judged are ratios of cells that ran
within seconds of each other.
"""

import os

# For the floors and the peers, as for the server: the upload would be measured with them.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
