"""Stands for a fork of zygote.py: ``python -I -S zygote_client.py SOCKET ARGUMENTS-OF-PYTHON``."""

import json
import os
import resource
import signal
import socket
import sys

connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, lambda number, _: connection.send(bytes([number])))
limits = {number: resource.getrlimit(number) for number in (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_AS)}
request = dict(argv=sys.argv[2:], cwd=os.getcwd(), parent=os.getppid(), limits=limits, env=dict(os.environ))
request = json.dumps(request).encode()
socket.send_fds(connection, [len(request).to_bytes(8, 'big')], [0, 1, 2])
connection.sendall(request)
null = os.open(os.devnull, os.O_RDWR)
for stream in (0, 1, 2):
    os.dup2(null, stream)  # the fork alone holds them: who reads its output sees where it ends
try:
    answer = connection.recv(64)
except ConnectionResetError:
    answer = b''
status = int(answer or -signal.SIGKILL)
if status < 0:
    signal.signal(-status, signal.SIG_DFL) if -status != signal.SIGKILL else None
    os.kill(os.getpid(), -status)
os._exit(status)
