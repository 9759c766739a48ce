# SPDX-License-Identifier: GPL-3.0-or-later
"""The trainer on small seeded scenes with known truth, and the placement formulas against what they promise."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from turnaround.backend.training import loss, mcmc  # noqa: E402


def test_training_learns_held_out_views_and_stays_under_its_cap(scenes):
    learner = scenes.make_trainer(steps=200)
    before = learner.score()
    learner.run()
    after = learner.state.history[-1]
    assert after["psnr"] > max(22.0, before["psnr"] + 3)
    assert after["iou"] > 0.9
    assert after["gaussians"] == 120


def test_training_is_repeatable_bit_for_bit_and_resumes_exactly(scenes):
    first, second = scenes.make_trainer(steps=40), scenes.make_trainer(steps=40)
    first.run()

    class LeftError(Exception):
        pass

    def stop(t):
        if t.state.step == 17:
            raise LeftError

    with pytest.raises(LeftError):
        second.run(stop)
    resumed = scenes.make_trainer(steps=40)
    resumed.state = copy.deepcopy(second.state)
    resumed.run()
    for name, value in first.state.model.values.items():
        assert torch.equal(value, resumed.state.model.values[name]), name
    assert np.array_equal(first.state.exposures, resumed.state.exposures)


def test_minutes_are_kept(scenes):
    learner = scenes.make_trainer(steps=10**9, minutes=0.02, deterministic=False)
    learner.run()
    assert learner.state.seconds < 0.02 * 60 + 1.0


def test_copies_hide_as_much_as_the_original():
    opacities = torch.tensor([0.05, 0.5, 0.99])
    for copies in (1, 2, 7, 51):
        new, scales = mcmc.shared(opacities, torch.ones(3, 3), torch.full((3,), copies))
        assert torch.allclose(1 - (1 - new.double()) ** copies, opacities.double(), atol=1e-5)
        assert (scales > 0).all()
        assert (scales <= 1.0 + 1e-6).all()
    unchanged = mcmc.shared(opacities, torch.ones(3, 3), torch.ones(3))
    assert torch.allclose(unchanged[1], torch.ones(3, 3))


def test_two_copies_keep_the_total_of_the_picture():
    # Eq. 9 keeps the integral over a line of 1 - prod(1 - alpha) of n coinciding copies equal to that of the original.
    x = np.linspace(-20, 20, 20001)
    for copies in (2, 3, 5):
        new, scales = mcmc.shared(torch.tensor([0.6]), torch.ones(1, 3), torch.tensor([copies]))
        alpha = float(new[0]) * np.exp(-0.5 * (x / float(scales[0, 0])) ** 2)
        together = (1 - (1 - alpha) ** copies).sum()
        assert together == pytest.approx((0.6 * np.exp(-0.5 * x**2)).sum(), rel=1e-4)


def test_relocation_revives_the_dead(scenes):
    m = scenes.blob(50, 3)
    m.values["logit_opacities"][::2] = -9.0
    moved = mcmc.relocate(m, mcmc.Mcmc(cap=50), torch.Generator().manual_seed(0))
    assert moved == 25
    assert (m.opacities > 0.0049).all()
    assert len(m) == 50


def test_fused_loss_equals_torch():
    random = np.random.default_rng(0)
    image, photo = (torch.tensor(random.uniform(0.05, 0.95, (20, 17, 4)).astype(np.float32)) for _ in range(2))
    weight = torch.full((20, 17), 1 / 340)
    background = torch.tensor([0.1, 0.5, 0.8])
    gradients, values = [], []
    for plain in (False, True):
        i = image.clone().requires_grad_()
        e = torch.tensor([[1.1, 0.9, 1.0], [0.02, 0.0, -0.03]], requires_grad=True)
        if plain:
            colour, alpha, mask = i[..., :3], i[..., 3:], photo[..., 3:]
            shown = e[0] * colour + e[1] * alpha + (1 - alpha) * background
            target = mask * photo[..., :3] + (1 - mask) * background
            terms = 0.8 * (shown - target).abs().mean(2) + 0.2 * (1 - loss._ssim_map(shown, target)).mean(2)
            value = (weight * (terms + 0.1 * (alpha - mask).abs()[..., 0])).sum()
        else:
            value = loss.photometric_loss(i, e, photo, weight, background, 0.2, 0.1)
        value.backward()
        values.append(float(value.detach()))
        gradients.append((i.grad, e.grad))
    assert values[0] == pytest.approx(values[1], rel=1e-4)
    for mine, theirs in zip(*gradients, strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-3, atol=1e-6)
