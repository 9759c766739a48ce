# SPDX-License-Identifier: GPL-3.0-or-later
"""Adaptive density control: each rule by itself, and a training that uses it."""

import copy
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from turnaround.backend.training import checkpoint, classical  # noqa: E402

OPTIONS = classical.Classical(cap=100)


def sums_of(pulls):
    sums = torch.zeros(len(pulls), 2)
    sums[:, 0], sums[:, 1] = torch.tensor(pulls) * 4, 4
    return sums


def densify(m, pulls, options=OPTIONS, extent=1.0):
    return classical.densify(m, options, sums_of(pulls), extent, torch.Generator().manual_seed(0))


def test_pull_is_measured_on_a_screen_two_units_wide():
    sums = torch.zeros(3, 2)
    gradient = torch.tensor([[0.03, 0.0], [0.0, 0.04], [9.0, 9.0]])
    classical.note(sums, gradient, (200, 100), torch.tensor([True, True, False]))
    classical.note(sums, gradient, (200, 100), torch.tensor([True, False, False]))
    assert torch.allclose(sums, torch.tensor([[6.0, 2.0], [2.0, 1.0], [0.0, 0.0]]))


def test_small_ones_are_cloned_large_ones_split_and_calm_ones_left(scenes):
    m = scenes.blob(3, 0)
    m.values["log_scales"][0] = math.log(0.001)
    m.values["log_scales"][1] = math.log(0.2)
    before = {name: value.clone() for name, value in m.values.items()}
    m.first["means"][:] = 1.0
    assert densify(m, [1e-3, 1e-3, 1e-5]) == 2
    assert len(m) == 5
    # Order: the kept (0 and 2), the clone of 0, the halves of 1.
    for name, value in m.values.items():
        assert torch.equal(value[:2], before[name][[0, 2]]), name
        assert torch.equal(value[2], before[name][0]), name
    assert torch.allclose(m.scales[3:], torch.full((2, 3), 0.2 / 1.6))
    offsets = torch.linalg.norm(m.values["means"][3:] - before["means"][1], dim=1)
    assert (offsets > 0).all()
    assert (offsets < 5 * 0.2).all()
    assert torch.equal(m.first["means"][:, 0], torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0]))


def test_halves_are_drawn_from_their_original(scenes):
    n = 4000
    m = scenes.blob(n, 0)
    m.values["means"][:] = 0
    m.values["log_scales"][:] = torch.log(torch.tensor([0.3, 0.1, 0.02]))
    m.values["quats"][:] = torch.tensor([math.cos(0.4), 0.0, 0.0, math.sin(0.4)])
    densify(m, [1.0] * n, classical.Classical(cap=2 * n))
    assert len(m) == 2 * n
    turn = np.array([[math.cos(0.8), -math.sin(0.8), 0], [math.sin(0.8), math.cos(0.8), 0], [0, 0, 1]])
    half = turn * [0.3, 0.1, 0.02]
    got = np.cov(m.values["means"].numpy().T)
    assert np.abs(got - half @ half.T).max() < 0.05 * 0.09


def test_the_cap_takes_the_most_pulled_first(scenes):
    m = scenes.blob(6, 0)
    m.values["log_scales"][:] = math.log(0.001)
    means = m.values["means"].clone()
    assert densify(m, [3e-3, 9e-3, 1e-3, 8e-3, 0.0, 4e-3], classical.Classical(cap=8)) == 2
    assert torch.equal(m.values["means"][6:], means[[1, 3]])
    assert densify(m, [1.0] * 8, classical.Classical(cap=8)) == 0


def test_faint_and_huge_ones_go_but_never_all(scenes):
    m = scenes.blob(4, 0)
    m.values["logit_opacities"][0] = -9.0
    m.values["log_scales"][1, 2] = math.log(0.5)
    kept = m.values["means"][2:].clone()
    assert classical.prune(m, OPTIONS, 1.0, also_huge=False) == 1
    assert classical.prune(m, OPTIONS, 1.0, also_huge=True) == 1
    assert torch.equal(m.values["means"], kept)
    m.values["logit_opacities"][:] = torch.tensor([[-9.0], [-8.0]])
    classical.prune(m, OPTIONS, 1.0, also_huge=True)
    assert torch.equal(m.values["means"], kept[1:])


def test_reset_lowers_opacities_and_forgets_their_momentum(scenes):
    m = scenes.blob(3, 0)
    m.values["logit_opacities"][0] = -6.0
    m.first["logit_opacities"][:] = 1.0
    classical.reset_opacities(m, OPTIONS)
    assert torch.allclose(m.opacities, torch.tensor([1 / (1 + math.exp(6.0)), 0.01, 0.01]), atol=1e-6)
    assert not m.first["logit_opacities"].any()


def test_training_learns_and_resumes_exactly_from_a_file(scenes, tmp_path):
    options = {"strategy": "classical", "steps": 300, "refine_every": 20}
    whole = scenes.make_trainer(**options)
    before = whole.score()
    whole.control = classical.Classical(cap=90, reset_every=110)
    middle = []

    def keep(t):
        if t.state.step == 73:
            checkpoint.save(tmp_path / "state.npz", t.state, "key")
            middle.append(copy.deepcopy(t.state.pull))

    whole.run(keep)
    after = whole.state.history[-1]
    assert after["psnr"] > before["psnr"] + 3
    assert 60 < after["gaussians"] <= 90
    resumed = scenes.make_trainer(**options)
    resumed.control = whole.control
    resumed.state = checkpoint.load(tmp_path / "state.npz", "key", "cpu")
    assert torch.equal(resumed.state.pull, middle[0])
    resumed.run()
    for name, value in whole.state.model.values.items():
        assert torch.equal(value, resumed.state.model.values[name]), name


def test_an_unknown_strategy_is_named(scenes):
    with pytest.raises(ValueError, match="mcmc"):
        scenes.make_trainer(strategy="best")
