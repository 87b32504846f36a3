"""The contract of `Media`, and the check of images on the way in."""

from __future__ import annotations

import asyncio
import random
import struct
import zlib
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from persona_graph.conversation import Image
from persona_graph.errors import ImageError, InputError, NotFound
from persona_graph.media import FolderMedia, FsspecMedia, Limits, Media, check_image, open_media
from persona_graph.policy.images import data_uri


@pytest.fixture(params=["folder", "fsspec"])
def media(request: pytest.FixtureRequest, tmp_path: Path) -> Media:
    if request.param == "folder":
        return FolderMedia(tmp_path / "media")
    pytest.importorskip("fsspec", reason="the extra `media` is not installed")
    return FsspecMedia(f"memory://{tmp_path.name}/media")


def picture(kind: str = "PNG", size: tuple[int, int] = (32, 24), shade: int = 90) -> bytes:
    """A small picture with some detail, so that cutting it off hurts."""
    out = BytesIO()
    image = Pillow.new("RGB", size)
    image.putdata([(shade, i * 7 % 256, i * i % 256) for i in range(size[0] * size[1])])
    image.save(out, kind)
    return out.getvalue()


def animated(kind: str) -> bytes:
    out = BytesIO()
    frames = [Pillow.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], lossless=True)
    return out.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, pixels: bytes, *extra: bytes) -> bytes:
    """A PNG of these compressed pixels, with chunks before them."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def one_pixel(*extra: bytes) -> bytes:
    return png(1, 1, zlib.compress(b"\0\1\2\3"), *extra)


def zeros(count: int) -> bytes:
    """So many zeros, a thousandth of their size."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(min(10**6, count - n))) for n in range(0, count, 10**6)) + packer.flush()


def claiming(data: bytes, marker: bytes, skip: int, size: bytes) -> bytes:
    """An image whose header says another size."""
    place = data.index(marker) + skip
    return data[:place] + size + data[place + len(size) :]


def bomb() -> bytes:
    """A PNG header that claims 60,000 x 60,000 pixels, in a hundred bytes."""
    return png(60_000, 60_000, zlib.compress(b"\0" * 99))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_an_image_comes_back_byte_for_byte(media: Media, kind: str) -> None:
    data = picture(kind)
    kept = await media.put("ana", data, caption="the sea")
    assert kept == Image(digest=sha256(data).hexdigest(), caption="the sea", media_type=f"image/{kind.lower()}")
    assert await media.get("ana", kept.digest) == data
    assert await media.put("ana", data, caption="the sea") == kept


@pytest.mark.parametrize("user", ["../bob", "a/b", "\ud800", "x" * 10_000], ids=ascii)
async def test_users_never_share_an_image(media: Media, user: str) -> None:
    kept = await media.put(user, picture())
    with pytest.raises(NotFound):
        await media.get("bob", kept.digest)
    await media.put("bob", picture())
    await media.remove_user(user)
    assert await media.get("bob", kept.digest) == picture()
    with pytest.raises(NotFound):
        await media.get(user, kept.digest)


@pytest.mark.parametrize("user", ["", " ", 5, None, b"ana", ["ana"]], ids=repr)
async def test_what_is_no_user_id_is_refused_with_a_sentence(media: Media, user: Any) -> None:
    for ask in (media.put(user, picture()), media.get(user, "a" * 64), media.remove_user(user)):
        with pytest.raises(InputError, match="a user id is a string of at least one character"):
            await ask


async def test_removed_images_are_gone_and_others_stay(media: Media) -> None:
    first, second = await media.put("ana", picture(shade=1)), await media.put("ana", picture(shade=2))
    await media.remove("ana", [first.digest, "0" * 64])
    with pytest.raises(NotFound):
        await media.get("ana", first.digest)
    assert await media.get("ana", second.digest) == picture(shade=2)
    await media.remove("nobody", [first.digest])
    await media.remove_user("nobody")


async def test_a_user_may_be_removed_while_pictures_come(tmp_path: Path) -> None:
    here, elsewhere = FolderMedia(tmp_path), FolderMedia(tmp_path)
    pictures = [picture(size=(2, 2), shade=shade) for shade in range(8)]
    for _ in range(25):
        coming = [here.put("ana", data) for data in pictures]
        await asyncio.gather(*coming, here.remove_user("ana"), elsewhere.remove_user("ana"))
    await here.remove_user("ana")
    assert list(tmp_path.iterdir()) == []


async def test_what_a_kill_left_of_a_picture_goes_with_it(tmp_path: Path) -> None:
    media = FolderMedia(tmp_path)
    kept = await media.put("ana", picture())
    (folder,) = tmp_path.iterdir()
    (folder / f".{kept.digest}.0a1b2c3d.part").write_bytes(picture()[:99])
    await media.remove("ana", [kept.digest])
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("digest", ["", "..", "../" + "a" * 61, "A" * 64, "unknown"])
async def test_what_is_no_digest_is_not_found(media: Media, digest: str) -> None:
    with pytest.raises(NotFound):
        await media.get("ana", digest)
    with pytest.raises(NotFound):
        await media.remove("ana", [digest])


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
async def test_of_an_animated_image_the_first_frame_is_kept_as_png(media: Media, kind: str) -> None:
    kept = await media.put("ana", animated(kind))
    assert kept.media_type == "image/png"
    with Pillow.open(BytesIO(await media.get("ana", kept.digest))) as still:
        assert (still.format, getattr(still, "n_frames", 1)) == ("PNG", 1)
        assert still.convert("RGB").getpixel((4, 4)) == (255, 0, 0)


def refused(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(ImageError) as caught:
        check_image(data, limits)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_image_is_refused(kind: str, share: float) -> None:
    data = picture(kind, (64, 64))
    assert kind in refused(data[: int(len(data) * share)])


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:60] + bytes(40) + data[100:], lambda data: data[:12] + b"\xff" * len(data)],
    ids=["zeros inside", "garbage behind the header"],
)
def test_a_broken_image_is_refused(damage: Callable[[bytes], bytes]) -> None:
    refused(damage(picture("PNG", (64, 64))))


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"BM" + bytes(60), b"%PDF-1.7"]
)
def test_what_is_no_image_is_refused_with_what_would_be_right(data: bytes) -> None:
    assert "send a PNG, JPEG, GIF or WebP" in refused(data)


def test_limits_hold_before_pixels_are_decoded() -> None:
    assert "60000 x 60000 pixels" in refused(bomb())
    assert "more than the 700 allowed" in refused(picture(), Limits(max_pixels=700))
    assert "more than the 0.0 MB allowed" in refused(picture(), Limits(max_bytes=100))
    assert check_image(picture(), Limits(max_pixels=32 * 24)).width == 32


async def test_a_refused_image_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        await FolderMedia(tmp_path).put("ana", b"nothing")
    assert list(tmp_path.rglob("*")) == []


def test_a_place_names_its_media(tmp_path: Path) -> None:
    assert isinstance(open_media(tmp_path), FolderMedia)
    assert isinstance(open_media(str(tmp_path)), FolderMedia)
    pytest.importorskip("fsspec", reason="the extra `media` is not installed")
    assert isinstance(open_media("memory://x"), FsspecMedia)


SCREEN = b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6) + b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0;"
BOMBS: dict[str, Callable[[], bytes]] = {
    "PNG of 100,000 x 100,000": lambda: png(100_000, 100_000, zlib.compress(bytes(99))),
    "PNG of 2**31 x 2**31": lambda: png(2**31 - 1, 2**31 - 1, zlib.compress(bytes(9))),
    "PNG of nothing": lambda: png(0, 0, zlib.compress(b"")),
    "compressed text": lambda: one_pixel(chunk(b"zTXt", b"a\0\0" + zeros(10**8))),
    "compressed international text": lambda: one_pixel(chunk(b"iTXt", b"a\0\1\0\0\0" + zeros(10**8))),
    "compressed colour profile": lambda: one_pixel(chunk(b"iCCP", b"a\0\0" + zeros(10**8))),
    "a thousand texts": lambda: one_pixel(*[chunk(b"zTXt", b"a\0\0" + zeros(10**6))] * 1_000),
    "JPEG of 65,500 x 65,500": lambda: claiming(picture("JPEG"), b"\xff\xc0", 5, struct.pack(">HH", 65_500, 65_500)),
    "GIF of 65,535 x 65,535": lambda: SCREEN,
    "GIF whose frame is larger": lambda: claiming(SCREEN, b"GIF89a", 6, struct.pack("<HH", 1, 1)),
    "WebP of 16,383 x 16,383": lambda: claiming(animated("WEBP"), b"VP8X", 12, struct.pack("<I", 16_382)[:3] * 2),
    "bytes beyond the limit": lambda: one_pixel(chunk(b"abCd", bytes(21 * 2**20))),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_an_image_bomb_is_refused_before_it_takes_room(kind: str) -> None:
    resource = pytest.importorskip("resource", reason="Windows does not tell how much memory was taken")
    data = BOMBS[kind]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(refused(data)) < 200
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes


POLYGLOTS: dict[str, Callable[[], bytes]] = {
    "archive behind it": lambda: picture() + b"PK\x03\x04" + bytes(500),
    "page behind it": lambda: picture("JPEG") + b"<script>alert(1)</script>",
    "page inside it": lambda: one_pixel(chunk(b"tEXt", b"a\0<script>alert(1)</script>")),
    "program in a comment": lambda: picture("JPEG")[:2] + b"\xff\xfe\x00\x0a<?php ?>" + picture("JPEG")[2:],
    "another image behind it": lambda: picture() + picture("JPEG"),
    "pixels of 100 MB in one": lambda: png(1, 1, zeros(10**8)),
    "fifteen megabytes of a chunk": lambda: one_pixel(chunk(b"abCd", bytes(15 * 2**20))),
    "a hundred thousand chunks": lambda: one_pixel(*[chunk(b"abCd", b"")] * 100_000),
    "broken tags of a camera": lambda: one_pixel(chunk(b"eXIf", b"II*\0" + b"\xff" * 5_000)),
}


@pytest.mark.parametrize("kind", POLYGLOTS)
async def test_what_else_an_image_carries_is_kept_and_does_not_reach_a_model_at_its_size(
    media: Media, kind: str
) -> None:
    data = POLYGLOTS[kind]()
    kept = await media.put("ana", data)
    assert kept.media_type in ("image/png", "image/jpeg")
    assert await media.get("ana", kept.digest) == data
    uri = await data_uri(data)
    assert len(uri) < 1_400_000
    assert uri.startswith(("data:image/png;base64,", "data:image/jpeg;base64,"))


def test_of_ten_thousand_frames_one_is_kept() -> None:
    out = BytesIO()
    frames = [Pillow.new("L", (2, 2), shade % 255) for shade in range(10_000)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    assert len(check_image(out.getvalue()).data) < 200


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_an_image_with_any_bytes_changed_is_refused_or_can_be_shown(kind: str) -> None:
    chance = random.Random(kind)
    tags = Pillow.Exif()
    tags[0x0112], tags[0x010E] = 6, "a camera"
    out = BytesIO()
    Pillow.effect_noise((48, 48), 60).convert("RGB").save(out, kind, **({} if kind == "GIF" else {"exif": tags}))
    taken = 0
    for _ in range(300):
        data = bytearray(out.getvalue())
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(8, min(len(data), 500))] = chance.randrange(256)
        try:
            picture_of = check_image(bytes(data))
        except ImageError:
            continue
        taken += 1
        asyncio.run(data_uri(picture_of.data))
    assert taken > 10 or kind == "PNG"  # whose checksums tell


async def test_what_a_crash_left_of_an_image_goes_with_it(tmp_path: Path) -> None:
    media = FolderMedia(tmp_path)
    kept = await media.put("ana", picture())
    file = next(tmp_path.rglob(kept.digest))
    file.with_name(f".{kept.digest}.0f0f0f0f.part").write_bytes(picture()[:40])
    await media.remove("ana", [kept.digest])
    assert list(file.parent.iterdir()) == []
