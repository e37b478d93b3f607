"""Runs Debian's `aws` for many callers. A start of it takes half a second of CPU, most of it for imports that all of them share.

Its argument is the path of a socket, to which the program `aws` beside it sends its arguments, environment and descriptors. Each
call runs in a fork. It ends with its standard input, and removes the folder of the socket.
"""

import json
import os
import select
import shutil
import signal
import socket
import sys

from awscli.clidriver import main
import awscli.handlers  # noqa: F401, which `main` imports


def answer(connection):
    message, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    request = json.loads(message)
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
    os.chdir(request["folder"])
    # awscli set this when it was imported.
    os.environ.update(request["env"] | {"AWS_DATA_PATH": os.environ["AWS_DATA_PATH"]})
    for name in os.environ.keys() - request["env"].keys() - {"AWS_DATA_PATH"}:
        del os.environ[name]
    sys.argv[1:] = request["args"]
    code = main()
    sys.stdout.flush()
    connection.send(str(code).encode())
    os._exit(0)


signal.signal(signal.SIGCHLD, lambda *_: os.waitpid(-1, os.WNOHANG))
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(64)
while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
    connection, _ = listener.accept()
    if os.fork() == 0:
        answer(connection)
    connection.close()
shutil.rmtree(os.path.dirname(sys.argv[1]))
