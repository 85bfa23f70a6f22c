"""Imported before what takes seconds to import: until ``load`` of mmseg_fundus.cli.run is through, Ctrl-C is one word, no traceback."""

import os
import signal


def _end(*_) -> None:
    os.write(2, b'interrupted\n')
    os._exit(130)  # nothing was begun that would have to be cleared up


if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else the caller wants it ignored, as nohup does
    signal.signal(signal.SIGINT, _end)
