from .cases import CASES, checkpoints, epochs, inference, memory, steps, validation
from .table import machine, markdown
from .timing import interleaved

__all__ = ['CASES', 'checkpoints', 'epochs', 'inference', 'interleaved', 'machine', 'markdown', 'memory', 'steps', 'validation']
