"""Runs a command and prints what its tree of processes took, as JSON: user and system time of all, the peak of the largest."""
import json
import os
import sys
import time

started = time.monotonic()
quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, usage = os.wait4(pid, 0)
print(
    json.dumps(
        {
            "code": os.waitstatus_to_exitcode(status),
            "cpuMs": (usage.ru_utime + usage.ru_stime) * 1000,
            "wallMs": (time.monotonic() - started) * 1000,
            "peakMb": usage.ru_maxrss / 1024,
        }
    )
)
