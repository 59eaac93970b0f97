# What `forking_python` is. The lines before this one say where the server listens (SOCKET), which Python it stands in
# for (PYTHON), and for which module it forks, if it is for one alone (MODULE). It loads little: it takes milliseconds.

import json
import os
import signal
import socket
import sys

words = sys.argv[1:]
while words and words[0] in ("-B", "-P", "-u"):
    del words[0]
kind = words[0] if words else "-"
if (kind.startswith("-") and kind not in ("-m", "-c")) or (MODULE and words[:2] != ["-m", MODULE]):  # noqa: F821
    os.execv(PYTHON, [PYTHON, *sys.argv[1:]])  # noqa: F821


def number(connection):
    """The next number that the server sends; None where it is gone."""
    received = b""
    while len(received) < 8:
        part = connection.recv(8 - len(received))
        if not part:
            return None
        received += part
    return int.from_bytes(received, "big", signed=True)


server = socket.socket(socket.AF_UNIX)
server.connect(SOCKET)  # noqa: F821
request = json.dumps([words, os.getcwd(), dict(os.environ), os.path.abspath(sys.argv[0])]).encode()
socket.send_fds(server, [len(request).to_bytes(8, "big")], [0, 1, 2])
server.sendall(request)
process = number(server)
for each in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP):
    signal.signal(each, lambda sent, _: os.kill(process, sent))
code = number(server)
if code is None:
    sys.exit("The process that forks is gone.")
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
