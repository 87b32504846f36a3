"""Images on their way to a model: scaled down, inlined as data URIs."""

from __future__ import annotations

import asyncio
import base64
from io import BytesIO
from math import sqrt

from PIL import Image, ImageOps

from persona_graph.media import room_for

MAX_PIXELS = 230_400
"""Larger images are scaled down to this many pixels (paper's training: max_pixels 230,400)."""
MOST_BYTES_A_PIXEL = 4
_SENT_AS_IS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}


async def data_uri(data: bytes, max_pixels: int = MAX_PIXELS) -> str:
    """The image as a `data:` URI; decoding runs beside the event loop.

    Raises: OSError when the bytes are no image.
    """
    return await asyncio.to_thread(_data_uri, data, max_pixels)


def _data_uri(data: bytes, max_pixels: int) -> str:
    try:
        with Image.open(BytesIO(data)) as image:
            media_type = _SENT_AS_IS.get(image.format or "")
            still = not getattr(image, "is_animated", False)
            pixels = image.width * image.height
            # What is larger than its pixels carries something else along.
            if media_type is None or not still or pixels > max_pixels or len(data) > MOST_BYTES_A_PIXEL * max_pixels:
                with room_for(pixels):
                    data, media_type = _scaled(image, max_pixels), "image/jpeg"
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise OSError("the bytes are no image that can be shown") from error
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def _scaled(image: Image.Image, max_pixels: int) -> bytes:
    """The first frame, upright, at most `max_pixels`, as JPEG on white."""
    upright = ImageOps.exif_transpose(image).convert("RGBA")
    shrink = min(1.0, sqrt(max_pixels / (upright.width * upright.height)))
    size = (max(1, int(upright.width * shrink)), max(1, int(upright.height * shrink)))
    page = Image.new("RGBA", size, "white")
    page.alpha_composite(upright.resize(size))
    out = BytesIO()
    page.convert("RGB").save(out, "JPEG", quality=90)
    return out.getvalue()
