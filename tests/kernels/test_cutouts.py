# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from scipy import ndimage
from turnaround.kernels import cutouts, cutouts_reference


def scene(shape, seed=0):
    """A noisy picture and the soft mask of a blob with a thin arm in it."""
    generator = np.random.default_rng(seed)
    y, x = np.indices(shape, dtype=float)
    edge = 0.3 * min(shape) - np.hypot(y - shape[0] / 2, (x - shape[1] / 2) * 0.7)
    mask = (np.clip(edge / 1.5 + 0.5, 0, 1) * 255 + 0.5).astype(np.uint8)
    mask[shape[0] // 2 : shape[0] // 2 + 2] = 255
    return generator.integers(0, 256, (*shape, 3)).astype(np.uint8), mask


def cut(rgb, mask, size=None, box=None, **options):
    x0, y0, x1, y1 = box or (0, 0, mask.shape[1], mask.shape[0])
    out = np.full((*(size or (y1 - y0, x1 - x0)), 4), 77, np.uint8)
    cutouts.cut_out(rgb, mask, out, box, **options)
    return out


def differ(a, b):
    return np.abs(a.astype(int) - b).max(initial=0)


@pytest.mark.parametrize("shape", [(0, 0), (0, 2), (1, 1), (2, 2), (1, 9), (11, 13), (61, 48)])
@pytest.mark.parametrize(
    "options", [{}, {"feather": 5.0}, {"rim": 0.0}, {"unseen": True}, {"rim": 3.5, "feather": 2.0}]
)
def test_equals_the_reference(shape, options):
    rgb, mask = scene(shape)
    assert differ(cut(rgb, mask, **options), cutouts_reference.cut_out(rgb, mask, **options)) <= 1
    colour = np.array([255, 0, 200], np.uint8)
    expected = cutouts_reference.cut_out(rgb, mask, colour=colour, **options)
    assert differ(cut(rgb, mask, colour=colour, **options), expected) <= 1


@pytest.mark.parametrize("box", [None, (7, 3, 40, 58), (0, 20, 48, 61), (20, 20, 21, 22), (5, 5, 5, 9)])
@pytest.mark.parametrize("size", [(30, 24), (17, 11), (70, 60), (1, 1)])
def test_crops_and_resizes_as_the_reference_does(box, size):
    rgb, mask = scene((61, 48))
    if box and box[0] == box[2]:
        assert not cut(rgb, mask, size, box).any()
        return
    assert differ(cut(rgb, mask, size, box), cutouts_reference.cut_out(rgb, mask, size, box)) <= 1


@pytest.mark.parametrize("size", [None, (300, 260), (200, 333)])
def test_tiles_leave_no_seams(size, monkeypatch):
    generator = np.random.default_rng(1)
    rgb = generator.integers(0, 256, (600, 520, 3)).astype(np.uint8)
    soft = ndimage.gaussian_filter(generator.normal(size=(600, 520)), 14)
    mask = np.clip(soft / soft.std() * 200 + 40, 0, 255).astype(np.uint8)
    whole = cut(rgb, mask, size)
    monkeypatch.setattr(cutouts.numba, "get_num_threads", lambda: 7)
    assert np.array_equal(whole, cut(rgb, mask, size))
    if size is None:
        box = (203, 90, 411, 300)
        assert np.array_equal(whole[box[1] : box[3], box[0] : box[2]], cut(rgb, mask, None, box))


def test_what_does_not_fit_is_refused():
    rgb, mask = scene((20, 20))
    for box in ((-1, 0, 5, 5), (0, 0, 21, 5), (7, 0, 5, 5)):
        with pytest.raises(ValueError, match="a box inside"):
            cutouts.cut_out(rgb, mask, np.zeros((5, 5, 4), np.uint8), box)
    with pytest.raises(ValueError, match="expected a picture"):
        cutouts.cut_out(rgb[:9], mask, np.zeros((20, 20, 4), np.uint8))
