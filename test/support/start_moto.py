"""Starts moto on a free port of the loopback interface. It answers one request at a time.

moto_server answers in threads, and two conditional writes of one item can both succeed there. In DynamoDB only one of them
can, so a test would blame cronledger for a lost write.
"""

import os
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

os.environ.setdefault("MOTO_PORT", "0")
moto = DomainDispatcherApplication(create_backend_app)
lock = threading.Lock()


def one_at_a_time(environ, start_response):
    with lock:
        return list(moto(environ, start_response))


run_simple("127.0.0.1", 0, one_at_a_time, threaded=True)
