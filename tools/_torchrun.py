"""torchrun for dist_launch.sh: what ends it, an interrupt or a process that failed, is said without a traceback of torchrun's own."""

import signal
import sys

import _interrupt  # noqa: F401
from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import main

if __name__ == '__main__':
    if callable(signal.getsignal(signal.SIGINT)):
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main()
    except ChildFailedError as error:
        sys.exit(str(error))
    except (KeyboardInterrupt, SignalException) as error:
        print('interrupted', file=sys.stderr)
        sys.exit(128 + getattr(error, 'sigval', signal.SIGINT))
