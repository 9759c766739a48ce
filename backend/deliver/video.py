# SPDX-License-Identifier: GPL-3.0-or-later
"""A video that every browser plays: H.264 in MP4, 4:2:0, its index before its pictures."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np

_RATE_FACTOR = "18"
"""x264's, visually lossless."""
_PRESET = "fast"


def write_video(path: Path, pictures: Iterable[np.ndarray], rate: int) -> int:
    """Write ``pictures`` (H, W, 3) uint8 sRGB, sides even and the same for all, ``rate`` a second; return their number.

    Colours are written as BT.709, limited range, and marked as such. Raises ``ValueError`` for odd sizes.
    """
    import av

    count = 0
    # "faststart" moves the index to the front, so that a browser plays while it loads.
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = None
        for picture in pictures:
            height, width = picture.shape[:2]
            if height % 2 or width % 2:
                raise ValueError(f"expected pictures with even sides for 4:2:0, got {width} x {height}")
            if stream is None:
                stream = container.add_stream("libx264", rate=rate)
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                stream.options = {"crf": _RATE_FACTOR, "preset": _PRESET, "profile": "high"}
                stream.time_base = Fraction(1, rate)
                context = stream.codec_context
                context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
                context.color_range = 1  # limited
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            frame.pts, frame.time_base = count, Fraction(1, rate)
            container.mux(stream.encode(frame))
            count += 1
        if stream is not None:
            container.mux(stream.encode())
    return count
