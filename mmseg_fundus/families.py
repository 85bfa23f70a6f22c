"""What is known of each family of encoders: statistics, size, licence."""

from dataclasses import dataclass
from typing import NamedTuple

_ROUNDING = 0.005


class Normalisation(NamedTuple):
    """What pictures were normalised with in the training of an encoder: RGB, in units of 0 to 1."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def near(self, other: 'Normalisation') -> bool:
        """Whether another one is the same but for rounding."""
        return all(abs(a - b) <= _ROUNDING for mine, its in zip(self, other) for a, b in zip(mine, its))

    def in_words(self) -> str:
        """``'mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225)'``."""
        mean, std = (', '.join(f'{value:.3f}' for value in values) for values in self)
        return f'mean ({mean}), std ({std})'


# RGB, pixel values 0 to 1.  VisionFM was trained with these on fundus photographs (its `get_stats('Fundus')`); a frozen encoder
# cannot adapt to others.
VFM_MEAN = (0.423737496137619, 0.2609460651874542, 0.128403902053833)
VFM_STD = (0.29482534527778625, 0.20167365670204163, 0.13668020069599152)
VISIONFM = Normalisation(VFM_MEAN, VFM_STD)
IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CLIP = Normalisation((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))


@dataclass(frozen=True)
class Family:
    """A family of encoders.

    Attributes:
        name (str): As in ``weights=dict(file=..., family=name)``.
        title (str): In words.
        normalisation (Normalisation, optional): What its pictures were normalised with; ``None`` if the keys do not tell.
        size (int, optional): Pixels on the side of its pictures; ``None`` where the position table tells.
        licence (str): Of the weights, as far as we know.
        about (str): Who made it, of what.
    """

    name: str
    title: str
    normalisation: Normalisation | None
    size: int | None
    licence: str
    about: str


_CC_NC = 'CC BY-NC 4.0 (no commercial use)'
_GREEN = 'its own: research without commerce or industry'
_UNKNOWN = 'not stated'

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family('visionfm', 'VisionFM', VISIONFM, 224, 'research and education, no commercial use', 'iBOT on photographs of the eye'),
        Family('retfound_mae', 'RETFound (MAE)', IMAGENET, 224, _CC_NC, 'masked autoencoder on fundus photographs, ViT-L/16'),
        Family('retfound_dinov2', 'RETFound (DINOv2)', IMAGENET, 224, _CC_NC, 'DINOv2 on fundus photographs, ViT-L/14'),
        Family('retfound_green', 'RETFound-Green', HALF, 392, _GREEN, 'token reconstruction on fundus photographs, ViT-S/14'),
        Family('urfound', 'UrFound', IMAGENET, 224, 'MIT', 'masked autoencoder on photographs and OCT with texts, ViT-B/16'),
        Family('retizero', 'RetiZero', IMAGENET, 224, _UNKNOWN, "RETFound's ViT-L/16 with LoRA, trained with texts"),
        Family('dinoret', 'DINORET', IMAGENET, None, _UNKNOWN, 'DINOv2 with further blocks, on fundus photographs'),
        Family('mae', 'masked autoencoder', IMAGENET, None, _CC_NC, "Meta's MAE, or one of its layout"),
        Family('ibot', 'iBOT', IMAGENET, None, 'Apache-2.0', 'on ImageNet'),
        Family('dino', 'DINO', IMAGENET, None, 'Apache-2.0', "Meta's, on ImageNet"),
        Family('dinov2', 'DINOv2', IMAGENET, None, 'Apache-2.0', "Meta's, on photographs of all kinds"),
        Family('dinov3', 'DINOv3', IMAGENET, 224, "Meta's DINOv3 licence", "Meta's, on photographs of all kinds"),
        Family('clip', 'CLIP', CLIP, None, 'MIT', "OpenAI's visual tower"),
        Family('openclip', 'OpenCLIP', CLIP, None, _UNKNOWN, "a visual tower of OpenCLIP's: exact GELU in place of OpenAI's quick one"),
        Family('eyeclip', 'EyeCLIP', CLIP, 224, _UNKNOWN, "OpenAI's visual tower, trained on pictures of the eye"),
        Family('transformers', "transformers' ViT", None, None, _UNKNOWN, "ViTModel of Hugging Face's transformers"),
        Family('plain', 'a ViT', None, None, _UNKNOWN, "any ViT under timm's names"),
    )
}
