# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order masks are carried: shortest paths from the prompted frames over a graph of similar pictures.

Photos of an object need not be in order. Neighbours are proposed by tiny pictures and by the file order, weighed by how
much of the flow between two frames holds in both directions, and reached by Dijkstra's algorithm.
"""

from __future__ import annotations

import heapq

import cv2
import numpy as np

from .flow import consistency, flow_pair, follow

_NEAREST = 6
"""Neighbours proposed for a frame by likeness, besides the one before and the one after it in file order."""

_ALIKE = 25.0
"""Difference of grey values at which two pixels are hardly the same point: shading changes less between neighbours."""

_HOP = 0.15
"""Price of one step of flow besides what the flow loses: every re-cut adds a little error of its own."""


def carry_order(greys: list[np.ndarray], roots: list[int]) -> list[tuple[int, int]]:
    """Pairs (frame, frame to carry its mask from), nearest first, for every frame that is not in ``roots``.

    ``greys``: one (h, w) uint8 picture a frame; pictures of other sizes are compared after resizing.
    """
    edges = _edges(greys)
    cost = [float("inf")] * len(greys)
    parent = [-1] * len(greys)
    queue = [(0.0, root) for root in roots]
    for root in roots:
        cost[root] = 0.0
    heapq.heapify(queue)
    order = []
    done = [False] * len(greys)
    while queue:
        price, node = heapq.heappop(queue)
        if done[node]:
            continue
        done[node] = True
        if parent[node] >= 0:
            order.append((node, parent[node]))
        for other, loss in edges[node].items():
            reached = price + loss + _HOP
            if not done[other] and reached < cost[other]:
                cost[other], parent[other] = reached, node
                heapq.heappush(queue, (reached, other))
    return order


def _edges(greys: list[np.ndarray]) -> list[dict[int, float]]:
    """For every frame its neighbours and how much of the flow to them is lost, at least 0."""
    count = len(greys)
    tiny = np.array([_tiny(g) for g in greys])
    distance = np.square(tiny[:, None] - tiny[None]).sum(-1) if count <= 400 else None
    edges: list[dict[int, float]] = [{} for _ in range(count)]
    for i in range(count):
        row = distance[i] if distance is not None else np.square(tiny - tiny[i]).sum(-1)
        near = [int(j) for j in np.argsort(row)[: _NEAREST + 1] if j != i]
        for j in {*near, *(k for k in (i - 1, i + 1) if 0 <= k < count)}:
            if j not in edges[i]:
                edges[i][j] = edges[j][i] = _loss(greys[i], greys[j])
    return edges


def _tiny(grey: np.ndarray) -> np.ndarray:
    """A frame as a unit vector: 24 x 18 grey values without their mean."""
    small = cv2.resize(cv2.GaussianBlur(grey, (0, 0), 2.0), (24, 18), interpolation=cv2.INTER_AREA).astype(np.float32)
    vector = small.ravel() - small.mean()
    return vector / max(float(np.linalg.norm(vector)), 1e-6)


def held(here: np.ndarray, there: np.ndarray) -> float:
    """Share of the flow between two grey pictures that holds in both directions, weighted towards the middle; 0 to 1.

    Smooth flow between unlike pictures may close upon itself, so that grey values must agree as well.
    """
    if there.shape != here.shape:
        there = cv2.resize(there, here.shape[::-1], interpolation=cv2.INTER_AREA)
    forward, backward = flow_pair(here, there, fast=True)
    unlike = np.abs(follow(there, forward).astype(np.float32) - here)
    belief = consistency(forward, backward) * np.exp(-np.square(unlike / _ALIKE))
    height, width = here.shape
    y, x = np.mgrid[:height, :width]
    middle = np.exp(-2.0 * (((x + 0.5) / width - 0.5) ** 2 + ((y + 0.5) / height - 0.5) ** 2) / 0.25)
    return float((belief * middle).sum() / middle.sum())


def _loss(here: np.ndarray, there: np.ndarray) -> float:
    """What the flow between two pictures loses against what holds in both directions.

    A ratio and not a share: one step between pictures with nothing in common must cost more than several good ones.
    """
    share = held(here, there)
    return (1.0 - share) / max(share, 0.02)
