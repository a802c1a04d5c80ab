import torch
import torch.nn.functional as F

from gan.training.augmentation import draw_offsets, translated


def test_each_image_moves_by_its_offset_and_its_gradient_moves_back() -> None:
    images = torch.randn(3, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    offsets = torch.tensor([[1, 0, 2], [1, 2, 0]])
    moved = translated(images, offsets, max_shift=1)
    padded = F.pad(images, (1,) * 4, mode="replicate")
    by_hand = torch.stack([padded[n, :, y : y + 4, x : x + 4] for n, (y, x) in enumerate(offsets.t().tolist())])
    torch.testing.assert_close(moved, by_hand, rtol=0, atol=0)
    torch.testing.assert_close(moved[0], images[0])  # the offset that moves nothing
    weights = torch.randn_like(moved)
    ours, theirs = (torch.autograd.grad((found * weights).sum(), images)[0] for found in (moved, by_hand))
    torch.testing.assert_close(ours, theirs)


def test_offsets_reach_both_ends_and_come_from_their_generator() -> None:
    drawn = [draw_offsets(200, 2, random=torch.Generator().manual_seed(0)) for _ in range(2)]
    assert torch.equal(*drawn)
    assert set(drawn[0].flatten().tolist()) == {0, 1, 2, 3, 4}
