from pathlib import Path
from typing import Any

import numpy as np
from mmengine.visualization import LocalVisBackend
from mmengine.visualization.vis_backend import force_init_env
from mmseg.registry import VISBACKENDS
from PIL import Image

from ..fileio.whole_files import write_whole


@VISBACKENDS.register_module()
class WholeFilesVisBackend(LocalVisBackend):
    """mmengine's ``LocalVisBackend``, whose pictures are whole or not there.

    OpenCV says nothing of a picture that the disk has no room for.  Arguments as in ``LocalVisBackend``.
    """

    @force_init_env
    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        """Write a picture.

        Args:
            name (str): Of its file, ``<name>_<step>.png``; may name folders too.
            image (np.ndarray): ``(H, W, 3)`` uint8 RGB.
            step (int): Global step.

        Raises:
            WriteError: If it could not be written.
        """
        path = Path(self._img_save_dir) / f'{name}_{step}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda temporary: Image.fromarray(np.ascontiguousarray(image)).save(temporary, format='PNG'))
