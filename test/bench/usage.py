"""Runs a command and prints what its tree of processes took, as JSON: user and system time of all, the peak of the largest.

The command gets a pipe as stderr, as a container does. A pipe that Node makes is a socket.
"""
import json
import os
import sys
import threading
import time

reader, writer = os.pipe()


def pass_on():
    with os.fdopen(reader, "rb") as problems:
        for line in problems:
            sys.stderr.buffer.write(line)


thread = threading.Thread(target=pass_on)
thread.start()
began = time.time()
streams = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0), (os.POSIX_SPAWN_DUP2, writer, 2)]
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=streams)
os.close(writer)
_, status, usage = os.wait4(pid, 0)
ended = time.time()
thread.join()
figures = {
    "code": os.waitstatus_to_exitcode(status),
    "cpuMs": (usage.ru_utime + usage.ru_stime) * 1000,
    "wallMs": (ended - began) * 1000,
    "peakMb": usage.ru_maxrss / 1024,
}
started = os.environ.get("BENCH_STARTED", "")
if os.path.exists(started):
    figures["startMs"] = (os.stat(started).st_mtime - began) * 1000
    os.remove(started)
print(json.dumps(figures))
