"""What mkdocs needs to know of this repository: pages that lie outside docs/, and links as they work in the repository itself."""

import posixpath
import re
from pathlib import Path

from griffe import Extension
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
# where a page lies in the repository -> where it lies in the site
OUTSIDE = {
    'README.md': 'index.md',
    'CHANGELOG.md': 'changelog.md',
    'CONTRIBUTING.md': 'contributing.md',
    'SECURITY.md': 'security.md',
    'configs/README.md': 'configs.md',
    'mmseg_fundus/zoo/contrast_unet.md': 'contrast_unet.md',
}
INSIDE = {site: place for place, site in OUTSIDE.items()}
LINK = re.compile(r'(!?)\[((?:[^\[\]]|\\.)*)\]\(([^)\s]+)\)')


def on_files(files, config):
    for place, site in OUTSIDE.items():
        files.append(File.generated(config, site, abs_src_path=str(ROOT / place)))
    return files


def on_page_markdown(markdown, page, config, files):
    here = posixpath.dirname(INSIDE.get(page.file.src_uri, f'docs/{page.file.src_uri}'))

    def moved(link):
        mark, text, target = link.groups()
        if '://' in target or target.startswith('#'):
            return link.group()
        place, _, anchor = target.partition('#')
        place = posixpath.normpath(posixpath.join(here, place))
        site = OUTSIDE.get(place) or (place.removeprefix('docs/') if place.startswith('docs/') else None)
        if site is None or files.get_file_from_path(site) is None:
            if not (ROOT / place).exists():
                return link.group()  # a dead link: mkdocs says so
            return text if text.startswith('`') else f'{text} (`{place}`)'  # a file of the repository, no page
        return f'{mark}[{text}]({site}{"#" + anchor if anchor else ""})'

    parts = re.split(r'(^```.*?^```$)', markdown, flags=re.MULTILINE | re.DOTALL)
    return ''.join(part if part.startswith('```') else LINK.sub(moved, part) for part in parts)


class Roles(Extension):
    """Sphinx's ``:class:`~package.Name``` in docstrings as plain code."""

    def on_instance(self, *, obj, **kwargs):
        if obj.docstring:
            obj.docstring.value = re.sub(r':[a-z]+:`[~.]*([^`]+)`', r'`\1`', obj.docstring.value)
