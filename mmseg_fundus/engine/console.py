"""A short console: what is the same in every run goes into the log file alone."""

import logging
import re
import time
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger
from mmengine.runner import Runner

IN_THE_FILE = re.compile(
    r'\n-+\nSystem environment:|Config:\n|Hooks will be executed in|Distributed training is not used, all SyncBatchNorm|Exp name: '
    r'|resumed key: |"FileClient" will be deprecated|"HardDiskBackend" is the alias'
)


class _Brief(logging.Filter):
    """Lets through what somebody at the console can use."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not IN_THE_FILE.match(str(record.msg))


class ConsoleRunner(Runner):
    """mmengine's runner, whose console leaves out environment, configuration, hooks and notes for developers; the log file has them.

    ``log_level = 'DEBUG'`` shows them too.
    """

    def setup_env(self, env_cfg: dict[str, Any]) -> None:
        """As :meth:`mmengine.runner.Runner.setup_env`, in a second that no earlier run of this work folder began in.

        The second is the name of the run's folder: two runs in one would write their curves into one file.
        """
        while (Path(self.work_dir) / time.strftime('%Y%m%d_%H%M%S')).exists():
            time.sleep(0.05)
        super().setup_env(env_cfg)

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """As :meth:`mmengine.runner.Runner.build_logger`, and a line that says where the whole log is."""
        logger = super().build_logger(*args, **kwargs)
        console = [handler for handler in logger.handlers if not isinstance(handler, logging.FileHandler)]
        for handler in console:
            if handler.level > logging.DEBUG and not any(isinstance(known, _Brief) for known in handler.filters):
                handler.addFilter(_Brief())
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler):
                logger.info(f'environment, configuration and hooks are in {handler.baseFilename}')
        return logger
