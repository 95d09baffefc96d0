"""The student: the small network that learns to see what its teacher sees. Plain convolutions, made to run as int8."""

from typing import cast

from torch import Tensor, nn

S8_CHANNELS, S16_CHANNELS = 32, 96  # those of MobileNetV2's bottlenecks at these strides


def convolution(given: int, made: int, side: int = 3, stride: int = 1, rectified: bool = True) -> nn.Sequential:
    """A convolution with its batch norm; at stride 1 the size stays, at stride 2 it halves."""
    layers = [nn.Conv2d(given, made, side, stride, side // 2, bias=False), nn.BatchNorm2d(made)]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if rectified else nn.Sequential(*layers)


class Bottleneck(nn.Module):
    """A residual block that looks 3x3 in few channels. He et al., Deep residual learning, CVPR 2016, figure 5."""

    def __init__(self, channels: int, inside: int) -> None:
        super().__init__()
        self.f = nn.Sequential(
            convolution(channels, inside, 1),
            convolution(inside, inside),
            convolution(inside, channels, 1, rectified=False),
        )
        self.r = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Float [n, channels, h, w] to the same shape."""
        return cast(Tensor, self.r(x + self.f(x)))


class Student(nn.Module):
    """Pictures, float [n, 3, h, w] in -1..1, become features [n, 32, h/8, w/8] and [n, 96, h/16, w/16].

    h and w are multiples of 16. The features stand in the standardised units of `loss.Metric`; `export.py` turns them
    back into the teacher's own.
    """

    def __init__(self, w4: int = 32, w8: int = 96, w16: int = 192, n8: int = 3, n16: int = 6) -> None:
        super().__init__()
        self.s4 = nn.Sequential(convolution(3, 16, 3, 2), convolution(16, w4, 3, 2), Bottleneck(w4, w4 // 2))
        self.s8 = nn.Sequential(convolution(w4, w8, 3, 2), *(Bottleneck(w8, w8 // 2) for _ in range(n8)))
        self.s16 = nn.Sequential(convolution(w8, w16, 3, 2), *(Bottleneck(w16, w16 // 3) for _ in range(n16)))
        self.h8 = nn.Conv2d(w8, S8_CHANNELS, 1)
        self.h16 = nn.Conv2d(w16, S16_CHANNELS, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The features of stride 8 and of stride 16."""
        fine = self.s8(self.s4(x))
        return self.h8(fine), self.h16(self.s16(fine))
