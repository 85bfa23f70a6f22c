from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from scipy import ndimage
from skimage.morphology import skeletonize

_ASIDE = ((-1, 0), (1, 0), (0, -1), (0, 1))
_DIAGONAL = ((-1, -1), (-1, 1), (1, -1), (1, 1))


class Branch(NamedTuple):
    """Skeleton from node ``first`` to node ``last``, both -1 for a closed loop: ``points`` ``(P, 2)``, row and column."""

    first: int
    last: int
    points: np.ndarray


class Skeleton(NamedTuple):
    """A graph; ``points`` ``(N, 2)``, ``degrees`` ``(N,)`` (0 a dot, 1 a free end, 3 or more a branch point) and ``radii`` of its nodes."""

    points: np.ndarray
    degrees: np.ndarray
    radii: np.ndarray
    branches: list[Branch]


def find_skeleton(mask: np.ndarray) -> Skeleton:
    """Centrelines of a mask as a graph of branches between free ends and branch points.

    A branch that ends inside the trunk it leaves is no vessel and is pruned: one that is shorter, from the branch point to its tip, than
    the trunk is wide there.  Two forks joined by a bridge shorter than 1.5 times the sum of their radii, plus 2 pixels, are one branch
    point at the middle of the bridge: the skeleton of a crossing.

    Args:
        mask (np.ndarray): ``(H, W)`` bool; background all along the border.

    Returns:
        Skeleton: Radii are distances in pixels from a node to the centre of the nearest background pixel.
    """
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # Zhang's thinning, the default of skeletonize, eats a diagonal two pixels wide from its ends
    pixels = skeletonize(mask, method='lee').astype(bool)
    while True:
        skeleton = _trace(pixels, distance)
        spurs = [spur for branch in skeleton.branches if (spur := _spur(branch, skeleton)) is not None]
        if not spurs:
            return _with_crossings(skeleton)
        pixels[tuple(np.concatenate(spurs).T)] = False


def path_places(points: np.ndarray) -> np.ndarray:
    """How far along a path of ``(P, 2)`` points each of them is, from 0 on."""
    return np.concatenate([[0], np.hypot(*np.diff(points, axis=0).T).cumsum()])


def path_length(points: np.ndarray) -> float:
    """Sum of the steps from each of ``(P, 2)`` points to the next."""
    return float(np.hypot(*np.diff(points, axis=0).T).sum())


def _spur(branch: Branch, skeleton: Skeleton) -> np.ndarray | None:
    """The pixels of ``branch`` that go if it is to be pruned, else None."""
    first, last, points = branch
    if first < 0 or (skeleton.degrees[first] == 1) == (skeleton.degrees[last] == 1):
        return None
    if skeleton.degrees[first] == 1:
        first, last, points = last, first, points[::-1]
    tip = skeleton.radii[last] - 0.5
    return points[1:].astype(int) if path_length(points) + tip < 2 * skeleton.radii[first] else None


def _trace(pixels: np.ndarray, distance: np.ndarray) -> Skeleton:
    """The graph of ``pixels``: nodes are those with one neighbour or none, and groups of those with three or more."""
    points = np.argwhere(pixels)
    links = _neighbours(pixels, points)
    degree = (links >= 0).sum(1)
    forks = np.zeros(pixels.shape, bool)
    forks[tuple(points[degree > 2].T)] = True
    groups, count = ndimage.label(forks, np.ones((3, 3)))
    node = groups[tuple(points.T)] - 1
    node[degree < 2] = count + np.arange((degree < 2).sum())
    branches = [Branch(first, last, points[path]) for first, last, path in _walks(links, node.tolist())]
    at_nodes = points[node >= 0]
    return _graph(branches, at_nodes, distance[tuple(at_nodes.T)], node[node >= 0])


def _neighbours(pixels: np.ndarray, points: np.ndarray) -> np.ndarray:
    """``(P, 8)`` indices of those beside each pixel and across a corner, unless a pixel beside both leads there; then -1."""
    index = np.full(pixels.shape, -1)
    index[pixels] = np.arange(len(points))
    row, column = points.T
    found = [index[row + down, column + right] for down, right in _ASIDE]
    for down, right in _DIAGONAL:
        detour = pixels[row + down, column] | pixels[row, column + right]
        found.append(np.where(detour, -1, index[row + down, column + right]))
    return -np.sort(-np.stack(found, 1), 1)


def _walks(links: np.ndarray, node: list[int]) -> Iterator[tuple[int, int, list[int]]]:
    """First node, last node and pixels of every branch, then of every closed loop, whose first pixel is also its last."""
    seen = [False] * len(links)
    one, other = links[:, 0].tolist(), links[:, 1].tolist()

    def walk(*begin: int) -> list[int]:
        path = list(begin)
        while node[path[-1]] < 0 and path[-1] != path[0]:
            seen[path[-1]] = True
            path.append(other[path[-1]] if one[path[-1]] == path[-2] else one[path[-1]])
        return path

    for start, first in enumerate(node):
        for step in links[start].tolist() if first >= 0 else ():
            if step < 0:
                break
            if node[step] < 0 and not seen[step] or node[step] >= 0 and node[step] != first and start < step:
                path = walk(start, step)
                yield first, node[path[-1]], path
    for start, first in enumerate(node):
        if first < 0 and not seen[start]:
            seen[start] = True
            yield -1, -1, walk(start, one[start])


def _graph(branches: list[Branch], points: np.ndarray, radii: np.ndarray, node: np.ndarray) -> Skeleton:
    """Put each node at the mean of its points, with the largest of their radii, and let the branches begin and end there."""
    size = np.bincount(node)
    centres = np.stack([np.bincount(node, along) / size for along in points.T], 1)
    largest = np.zeros(len(size))
    np.maximum.at(largest, node, radii)
    degrees = np.bincount([end for branch in branches for end in branch[:2] if end >= 0], minlength=len(size))
    return Skeleton(centres, degrees, largest, [_between(branch, centres) for branch in branches])


def _between(branch: Branch, centres: np.ndarray) -> Branch:
    if branch.first < 0:
        return branch
    return branch._replace(points=np.vstack([centres[branch.first], branch.points[1:-1], centres[branch.last]]))


def _with_crossings(skeleton: Skeleton) -> Skeleton:
    """Make one branch point of each pair of forks that a short bridge joins, the shortest bridges first."""

    def short(branch: Branch) -> bool:
        return branch.first >= 0 and path_length(branch.points) < 1.5 * skeleton.radii[list(branch[:2])].sum() + 2

    node = np.arange(len(skeleton.degrees))
    forks = set(np.flatnonzero(skeleton.degrees == 3).tolist())
    for first, last, _ in sorted(filter(short, skeleton.branches), key=lambda branch: path_length(branch.points)):
        if first != last and {first, last} <= forks:
            node[last] = first
            forks -= {first, last}
    node = np.unique(node, return_inverse=True)[1]
    branches = []
    for branch in skeleton.branches:
        first, last = (node[end] if end >= 0 else end for end in branch[:2])
        if first != last or not short(branch):
            branches.append(Branch(first, last, branch.points))
    return _graph(branches, skeleton.points, skeleton.radii, node)
