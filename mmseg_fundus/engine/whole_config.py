from pathlib import Path

from mmengine.config import Config

from ..fileio.whole_files import write_whole


class WholeConfig(Config):
    """A config that the runner and the visualizer write whole or not at all."""

    @classmethod
    def of(cls, cfg: Config) -> 'WholeConfig':
        """``cfg`` itself, made one of these: mmengine's readers return its own class, with what its parts hold."""
        object.__setattr__(cfg, '__class__', cls)
        return cfg

    def dump(self, file: str | Path | None = None) -> str | None:
        """As :meth:`mmengine.config.Config.dump`.

        Raises:
            WriteError: If the file could not be written.
        """
        if file is None or not str(file).endswith('.py'):
            dumped: str | None = super().dump(file)
            return dumped
        write_whole(Path(file), lambda temporary: temporary.write_text(self.pretty_text, encoding='utf-8'))
        return None
