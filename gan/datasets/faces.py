"""This module draws cartoon faces, which stand in where CelebA is not at hand.

It tests that a pipeline works with larger colour images of one kind of object. Its numbers are never results on CelebA.

Distribution, all independent, U uniform. Classes: 2 * smiling + glasses, each of the four as likely. Skin U over six
tones and U[0.92, 1.05] in brightness; hair U over seven colours and five cuts (HAIR), fringe U[0.35, 0.75]; the head's
half width U[0.21, 0.26] and half height U[0.27, 0.32] of the image's side, centre U[-0.05, 0.05] about the middle,
tilted U[-12, 12] degrees; hue of iris, clothes and ground U[0, 1); eyes U[0.036, 0.05] large, gaze U[-1, 1]; the mouth
U[0.07, 0.11] wide and curved by U[0.4, 1] smiling, U[-0.6, 0.1] otherwise, open in half of the smiles; brows at U
heights and slants; blush U[0, 0.35]; glasses round or square in U over four colours.
"""

import cv2
import numpy as np

from gan.datasets.synthetic import SUPERSAMPLING, Drawing, colour, textured_background

HAIR = ("short", "long", "curly", "bun", "bald")
_SKIN = ((255, 224, 196), (246, 205, 170), (229, 178, 138), (198, 140, 98), (150, 98, 64), (104, 66, 44))
_HAIR_COLOURS = (
    (28, 22, 20), (74, 46, 30), (122, 78, 44), (214, 170, 96), (168, 68, 36), (188, 188, 192), (92, 70, 150)
)  # fmt: skip
_FRAMES = ((24, 24, 28), (120, 40, 40), (40, 60, 120), (150, 110, 60))
_SHIFT = 4  # OpenCV takes coordinates in sixteenths of a pixel
Colour = tuple[float, float, float]


class _Canvas:
    """A canvas is a picture whose coordinates are fractions of its side."""

    def __init__(self, picture_HWC: np.ndarray):
        self.picture_HWC = picture_HWC
        self.side = picture_HWC.shape[0]

    def _at(self, value: float) -> int:
        place: int = round(value * self.side * 2**_SHIFT)
        return place

    def _width(self, line: float) -> int:
        return max(1, round(line * self.side)) if line else -1

    def ellipse(
        self, x: float, y: float, half_width: float, half_height: float, paint: Colour, line: float = 0,
        arc: tuple[float, float] = (0, 360),
    ) -> None:  # fmt: skip
        """Draws it filled, or `line` wide when that is not 0."""
        axes = (self._at(half_width), self._at(half_height))
        start, stop = arc
        cv2.ellipse(
            self.picture_HWC, (self._at(x), self._at(y)), axes, 0, start, stop, paint,
            self._width(line), cv2.LINE_8, _SHIFT,
        )  # fmt: skip

    def polygon(self, points: np.ndarray, paint: Colour, *, line: float = 0, closed: bool = True) -> None:
        """Draws it filled, or its outline `line` wide when that is not 0."""
        fixed = np.rint(points * self.side * 2**_SHIFT).astype(np.int32)
        if line:
            cv2.polylines(self.picture_HWC, [fixed], closed, paint, self._width(line), cv2.LINE_8, _SHIFT)
        else:
            cv2.fillPoly(self.picture_HWC, [fixed], paint, cv2.LINE_8, _SHIFT)


class _Face:
    """A face draws its parameters in one order, and its parts from back to front."""

    def __init__(self, random: np.random.Generator, *, smiling: bool, glasses: bool):
        self.random, self.smiling, self.glasses = random, smiling, glasses
        self.x, self.y = 0.5 + random.uniform(-0.05, 0.05, 2)
        self.half_width, self.half_height = random.uniform(0.21, 0.26), random.uniform(0.27, 0.32)
        self.skin = np.clip(np.array(_SKIN[random.integers(len(_SKIN))]) * random.uniform(0.92, 1.05), 0, 255)
        self.hair = np.array(_HAIR_COLOURS[random.integers(len(_HAIR_COLOURS))], float)
        self.cut = HAIR[random.integers(len(HAIR))]
        self.fringe, self.parting = random.uniform(0.35, 0.75), random.uniform(-0.6, 0.6)

    def draw(self, canvas: _Canvas) -> None:
        self._hair_behind(canvas)
        self._body(canvas)
        self._head(canvas)
        self._hair_in_front(canvas)
        self._eyes(canvas)
        self._nose_and_mouth(canvas)

    def _hair_behind(self, canvas: _Canvas) -> None:
        x, y, w, h, paint = self.x, self.y, self.half_width, self.half_height, _paint(self.hair * 0.85)
        if self.cut == "long":
            canvas.ellipse(x, y - 0.03, w * 1.28, h * 1.12, paint)
            canvas.polygon(np.array([[x - w * 1.28, y], [x + w * 1.28, y], [x + w * 1.4, y + h * 1.3],
                                     [x - w * 1.4, y + h * 1.3]]), paint)  # fmt: skip
        elif self.cut == "curly":
            for turn in np.linspace(0.42, 1.08, 13) * 2 * np.pi:
                canvas.ellipse(x + np.cos(turn) * w * 1.08, y + np.sin(turn) * h * 0.98, 0.085, 0.085, paint)
        elif self.cut == "bun":
            canvas.ellipse(x, y - h * 1.13, w * 0.42, w * 0.4, paint)
        if self.cut in ("short", "bun"):
            canvas.ellipse(x, y - 0.03, w * 1.1, h * 1.06, paint, arc=(180, 360))

    def _body(self, canvas: _Canvas) -> None:
        x, w, bottom = self.x, self.half_width, self.y + self.half_height
        clothes = colour(self.random.uniform(), self.random.uniform(0.3, 0.8), self.random.uniform(0.35, 0.95))
        canvas.ellipse(x, bottom + 0.3, w * 1.75, 0.27, _paint(clothes))
        neck = np.array([[-0.42, -0.1], [0.42, -0.1], [0.46, 0.1], [0, 0.16], [-0.46, 0.1]]) * [w, 1] + [x, bottom]
        canvas.polygon(neck, _paint(self.skin * 0.84))

    def _head(self, canvas: _Canvas) -> None:
        x, y, w, h = self.x, self.y, self.half_width, self.half_height
        for side in (-1, 1):
            canvas.ellipse(x + side * w, y + 0.02, 0.036, 0.055, _paint(self.skin * 0.93))
        canvas.ellipse(x, y, w, h, _paint(self.skin * 0.9))
        canvas.ellipse(x - 0.008, y - 0.008, w - 0.012, h - 0.012, _paint(self.skin))
        blush = self.skin + self.random.uniform(0, 0.35) * (np.array([240, 90, 90]) - self.skin)
        for side in (-1, 1):
            canvas.ellipse(x + side * w * 0.56, y + h * 0.32, 0.045, 0.03, _paint(blush))

    def _hair_in_front(self, canvas: _Canvas) -> None:
        if self.cut == "bald":
            canvas.ellipse(self.x - self.half_width * 0.3, self.y - self.half_height * 0.62, 0.05, 0.028,
                           _paint(self.skin + 0.35 * (255 - self.skin)))  # fmt: skip
            return
        x, y, w, h = self.x, self.y, self.half_width * 1.04, self.half_height * 1.04
        turns = np.linspace(1.02, 1.98, 30) * np.pi
        crown = np.stack([x + np.cos(turns) * w, y + np.sin(turns) * h], axis=1)
        low, high = y - h * 0.12, y - h * self.fringe
        fringe = np.array([[x + w * 0.9, low - 0.05], [x + w * (self.parting + 0.3), high + 0.01],
                           [x + w * self.parting, high], [x + w * (self.parting - 0.35), high + 0.015],
                           [x - w * 0.9, low - 0.05]])  # fmt: skip
        canvas.polygon(np.concatenate([crown, fringe]), _paint(self.hair))
        shine = np.clip(self.hair * 1.1 + 28, 0, 255)
        canvas.ellipse(x, y, w * 0.78, h * 0.84, _paint(shine), line=0.014, arc=(215, 265))

    def _eyes(self, canvas: _Canvas) -> None:
        random, x, y, w = self.random, self.x, self.y - self.half_height * 0.02, self.half_width
        large, gaze = random.uniform(0.036, 0.05), random.uniform(-1, 1) * 0.012
        iris = colour(random.uniform(), 0.6, random.uniform(0.3, 0.7))
        lift, slant = random.uniform(0.075, 0.095), random.uniform(-0.02, 0.02)
        brow = _paint(self.hair * 0.7)
        for side in (-1, 1):
            eye = x + side * w * 0.44
            canvas.ellipse(eye, y, large * 1.15, large, (250, 250, 250))
            canvas.ellipse(eye + gaze, y, large * 0.66, large * 0.7, _paint(iris))
            canvas.ellipse(eye + gaze, y, large * 0.36, large * 0.4, (12, 12, 16))
            canvas.ellipse(eye + gaze + 0.008, y - 0.01, large * 0.17, large * 0.17, (255, 255, 255))
            canvas.ellipse(eye, y, large * 1.15, large, _paint(self.skin * 0.35), line=0.01, arc=(190, 350))
            ends = np.array([[-0.052, 0.008 - side * slant], [0, -0.008], [0.052, 0.008 + side * slant]])
            canvas.polygon(ends + [eye, y - lift], brow, line=0.017, closed=False)
        if self.glasses:
            self._glasses(canvas, y)

    def _glasses(self, canvas: _Canvas, y: float) -> None:
        x, reach = self.x, self.half_width * 0.44
        frame = _FRAMES[self.random.integers(len(_FRAMES))]
        square = self.random.uniform() < 0.5
        for side in (-1, 1):
            eye = x + side * reach
            corners = np.array([[-0.078, -0.055], [0.078, -0.055], [0.07, 0.06], [-0.07, 0.06]]) + [eye, y]
            if square:
                canvas.polygon(corners, frame, line=0.019)
            else:
                canvas.ellipse(eye, y, 0.076, 0.072, frame, line=0.019)
            outer = np.array([[eye + side * 0.076, y - 0.02], [x + side * self.half_width, y - 0.025]])
            canvas.polygon(outer, frame, line=0.017, closed=False)
        canvas.ellipse(x, y, max(reach - 0.076, 0.01), 0.022, frame, line=0.017, arc=(180, 360))

    def _nose_and_mouth(self, canvas: _Canvas) -> None:
        random, x, y, h = self.random, self.x, self.y, self.half_height
        shade = _paint(self.skin * 0.74)
        nose = np.array([[0, 0.03], [random.uniform(0.015, 0.035), h * 0.36], [-0.012, h * 0.38]]) + [x, y]
        canvas.polygon(nose, shade, line=0.012, closed=False)
        half, curve = random.uniform(0.07, 0.11), random.uniform(0.4, 1) if self.smiling else random.uniform(-0.6, 0.1)
        t = np.linspace(-1, 1, 15)
        mouth = np.stack([x + half * t, y + h * 0.6 + 0.062 * curve * (0.5 - t**2)], axis=1)
        lips = _paint(self.skin * [0.72, 0.42, 0.42])
        if self.smiling and random.uniform() < 0.5:
            canvas.polygon(mouth, (252, 250, 246))
            canvas.polygon(mouth, lips, line=0.015)
        else:
            canvas.polygon(mouth, lips, line=0.02, closed=False)


def _paint(rgb: np.ndarray) -> Colour:
    red, green, blue = (float(value) for value in np.clip(rgb, 0, 255))
    return red, green, blue


def _draw(random: np.random.Generator, label: int, size: int) -> np.ndarray:
    side = size * SUPERSAMPLING
    smiling, glasses = divmod(label, 2)
    ground = np.clip(textured_background(random, random.uniform(), size), 0, 255).astype(np.uint8)
    picture = cv2.resize(ground, (side, side), interpolation=cv2.INTER_LINEAR)
    _Face(random, smiling=bool(smiling), glasses=bool(glasses)).draw(_Canvas(picture))
    tilt = cv2.getRotationMatrix2D((side / 2, side * 0.75), random.uniform(-12, 12), 1)
    tilted = cv2.warpAffine(picture, tilt, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    image_HWC: np.ndarray = cv2.resize(tilted, (size, size), interpolation=cv2.INTER_AREA)
    return image_HWC


FACES = Drawing(stream=2, num_classes=4, draw=_draw)
