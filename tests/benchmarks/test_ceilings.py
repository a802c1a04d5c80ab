"""What the benchmark of a device counts, on operations whose FLOPs and bytes are known."""

import torch

from tests.benchmarks.ceilings import Amount, count

CPU = torch.device("cpu")


def test_a_product_of_matrices() -> None:
    left, right = torch.ones(8, 16), torch.ones(16, 32)
    assert count(lambda: left @ right, CPU) == Amount(2 * 8 * 16 * 32, 4 * (8 * 16 + 16 * 32 + 8 * 32))


def test_a_view_moves_nothing_and_a_sum_in_place_reads_both() -> None:
    values = torch.ones(10, 10)
    assert count(lambda: values.view(100).t()[3:], CPU).bytes == 0
    assert count(lambda: values.add_(torch.ones(10, 10)), CPU).bytes == 4 * (100 + 100 + 100 + 100), "and makes one"


def test_a_training_step_has_both_passes_and_adam() -> None:
    layer = torch.nn.Linear(16, 32, bias=False)
    adam = torch.optim.Adam(layer.parameters())
    inputs = torch.ones(8, 16)

    def step() -> None:
        adam.zero_grad()
        layer(inputs).sum().backward()
        adam.step()

    step()
    found = count(step, CPU)
    product = 2 * 8 * 16 * 32
    assert found.flops == 2 * product, "forward, and the gradient by the weights; none by the inputs"
    weights = 4 * 16 * 32
    assert found.bytes > 9 * weights, "weight, gradient and two moments are read, and three of them written"
