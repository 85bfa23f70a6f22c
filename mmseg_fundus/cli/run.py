"""Running a command: what takes seconds is imported when it is needed, and an error is one line."""

import io
import logging
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable

import mmseg_fundus

from ..errors import WriteError, one_line
from ..fileio.whole_files import FULL

STDOUT = 1


def load() -> None:
    """Import and register everything; a command calls it when its arguments are in order.

    Raises:
        StackError: If the OpenMMLab packages are not right.
    """
    mmseg_fundus.register()
    _take_interrupts()


def run(main: Callable[[], object]) -> None:
    """Call a tool's ``main()``; an error of ours becomes one line on stderr and exit status 1.

    Where nothing reads the output any more (``| head``) it ends with 141 and no word, as other commands do.
    """
    logging.FileHandler.handleError = _cannot_log  # type: ignore[assignment, method-assign]
    threading.excepthook = _of_a_thread
    if isinstance(sys.stdout, io.TextIOWrapper):  # an error comes last, also where output and errors go into one file
        sys.stdout.reconfigure(line_buffering=True)
    try:
        main()
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            sys.exit(128 + signal.SIGPIPE)
        message = _explained(error)
        if message is None and 'FUNDUS_ERROR_FILE' not in os.environ:
            raise
        if message is None:
            traceback.print_exc()
            message = f'{type(error).__name__}: {" ".join(str(error).split())[:500]}'
        _report(message)
        sys.exit(1)
    finally:
        _take_interrupts()
        if _nobody_reads():  # or Python complains about what is left to write when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
    if mmseg_fundus.registered():
        from ..engine.distributed import close

        close()


def _nobody_reads() -> bool:
    poll = select.poll()
    poll.register(STDOUT, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _take_interrupts() -> None:
    """From here on Ctrl-C is an exception; tools/_interrupt.py ended the process at once while it imported."""
    if callable(signal.getsignal(signal.SIGINT)):
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _explained(error: Exception) -> str | None:
    """One line a user can act on, or ``None`` for an error that is none of theirs."""
    if not mmseg_fundus.registered():  # then it is of none of the packages that engine.explain knows
        return one_line(error)
    from ..engine.explain import explain

    return explain(error)


def _cannot_log(handler: logging.FileHandler, record: logging.LogRecord) -> None:
    """For ``logging``: a log that the disk has no room for ends the tool, where ``logging`` would print a traceback for each line."""
    error = sys.exc_info()[1]
    if isinstance(error, OSError) and error.errno in FULL:
        raise WriteError(
            f'{handler.baseFilename} could not be written ({error.strerror}). Make room, and start again with --resume if it was a training'
        ) from error
    logging.Handler.handleError(handler, record)


def _of_a_thread(found: threading.ExceptHookArgs) -> None:
    """For ``threading``: TensorBoard's writer hands a full disk on to the main thread, which says it; here it would be said twice."""
    if not (isinstance(found.exc_value, OSError) and found.exc_value.errno in FULL):
        threading.__excepthook__(found)


def _report(message: str) -> None:
    rank = f' (rank {os.environ["RANK"]})' if int(os.environ.get('WORLD_SIZE', 1)) > 1 else ''
    line = f'error{rank}: {message}'
    print(line, file=sys.stderr, flush=True)
    first = os.environ.get('FUNDUS_ERROR_FILE')  # dist_launch.sh prints the first rank's error last, below torchrun's own words
    if first:
        try:
            with open(first, 'x') as file:
                file.write(line + '\n')
        except FileExistsError:
            pass
