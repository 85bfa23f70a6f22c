from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def requirements(name: str) -> list:
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


version = {}
exec((ROOT / 'mmseg_fundus' / 'version.py').read_text(), version)

setup(
    name='mmseg_fundus',
    version=version['__version__'],
    description='Retinal vessel segmentation with frozen foundation models: an MMSegmentation extension',
    long_description=(ROOT / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['mmseg_fundus', 'mmseg_fundus.*']),
    package_data={
        'mmseg_fundus': ['py.typed'],
        'mmseg_fundus.report': ['*.html', '*.css', '*.js'],
        'mmseg_fundus.zoo': ['*.safetensors', '*.md'],
    },
    python_requires='>=3.10',
    install_requires=requirements('runtime'),
    extras_require={
        'mm': requirements('mm'),
        'export': requirements('export'),
        'dicom': requirements('dicom'),
        'timm': requirements('timm'),
        'tests': requirements('tests'),
        'all': requirements('mm') + requirements('export') + requirements('dicom') + requirements('timm') + requirements('tests'),
    },
)
