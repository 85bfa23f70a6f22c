"""Plain PyTorch readings of the encoder and of the guide's decoder, written from their descriptions, to compare with."""

import torch
import torch.nn.functional as F


def vit_tokens(weights: dict, x: torch.Tensor, heads: int) -> list:
    """A pre-norm ViT (timm's and VisionFM's names, LayerNorm eps 1e-6, exact GELU): tokens with class token after each block."""
    width = weights['norm.weight'].numel()

    def norm(x, name):
        return F.layer_norm(x, (width,), weights[f'{name}.weight'], weights[f'{name}.bias'], eps=1e-6)

    def linear(x, name):
        return x @ weights[f'{name}.weight'].T + weights[f'{name}.bias']

    patch = weights['patch_embed.proj.weight'].shape[-1]
    x = F.conv2d(x, weights['patch_embed.proj.weight'], weights['patch_embed.proj.bias'], stride=patch)
    grid = x.shape[2:]
    x = x.flatten(2).transpose(1, 2)
    table = weights['pos_embed'][:, 1:]
    side = int(table.shape[1] ** 0.5)
    table = F.interpolate(table.reshape(1, side, side, width).permute(0, 3, 1, 2), size=grid, mode='bicubic')
    table = torch.cat([weights['pos_embed'][:, :1], table.flatten(2).transpose(1, 2)], dim=1)
    x = torch.cat([weights['cls_token'].expand(len(x), -1, -1), x], dim=1) + table
    outputs = []
    i = 0
    while f'blocks.{i}.norm1.weight' in weights:
        q, k, v = linear(norm(x, f'blocks.{i}.norm1'), f'blocks.{i}.attn.qkv').unflatten(2, (3, heads, -1)).permute(2, 0, 3, 1, 4)
        attention = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(-1)
        x = x + linear((attention @ v).transpose(1, 2).flatten(2), f'blocks.{i}.attn.proj')
        hidden = linear(norm(x, f'blocks.{i}.norm2'), f'blocks.{i}.mlp.fc1')
        hidden = hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))
        x = x + linear(hidden, f'blocks.{i}.mlp.fc2')
        outputs.append(x)
        i += 1
    return outputs


def guide_decoder(weights: dict, maps: list) -> torch.Tensor:
    """1x1 projections summed; stages of 3x3 convolution, batch norm (eval), ReLU, 2x bilinear upsampling; 1x1 classifier.

    ``weights`` holds ``projections`` [(weight, bias)], ``stages`` [(conv weight, gamma, beta, mean, variance)], ``classifier``.
    """
    x = sum(F.conv2d(x, weight, bias) for x, (weight, bias) in zip(maps, weights['projections']))
    for weight, gamma, beta, mean, variance in weights['stages']:
        x = F.conv2d(x, weight, padding=1)
        x = (x - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt() * gamma[:, None, None] + beta[:, None, None]
        x = F.interpolate(x.relu(), scale_factor=2, mode='bilinear', align_corners=False)
    return F.conv2d(x, *weights['classifier'])
