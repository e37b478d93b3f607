"""Starts moto on a free port of the loopback interface. It answers one request at a time.

moto_server answers in threads, and two conditional writes of one item can both succeed there. In DynamoDB only one of them
can, so a test would blame cronledger for a lost write.
"""

import os
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

os.environ.setdefault("MOTO_PORT", "0")
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "aws"))
moto = DomainDispatcherApplication(create_backend_app)
lock = threading.Lock()


def one_at_a_time(environ, start_response):
    with lock:
        # This loads all services, which takes seconds.
        if "/cloudformation/" in environ.get("HTTP_AUTHORIZATION", ""):
            import moto_stacks  # noqa: F401
        return list(moto(environ, start_response))


run_simple("127.0.0.1", 0, one_at_a_time, threaded=True)
