"""The contract of `Media`, and the check of images on the way in."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image as Pillow

from persona_graph.conversation import Image
from persona_graph.errors import ImageError, NotFound
from persona_graph.media import FolderMedia, FsspecMedia, Limits, Media, check_image, open_media


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


def bomb() -> bytes:
    """A PNG header that claims 60,000 x 60,000 pixels, in a hundred bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_an_image_comes_back_byte_for_byte(media: Media, kind: str) -> None:
    data = picture(kind)
    kept = await media.put("ana", data, caption="the sea")
    assert kept == Image(digest=sha256(data).hexdigest(), caption="the sea", media_type=f"image/{kind.lower()}")
    assert await media.get("ana", kept.digest) == data
    assert await media.put("ana", data, caption="the sea") == kept


@pytest.mark.parametrize("user", ["", "../bob", "a/b", "\ud800", "x" * 10_000], ids=ascii)
async def test_users_never_share_an_image(media: Media, user: str) -> None:
    kept = await media.put(user, picture())
    with pytest.raises(NotFound):
        await media.get("bob", kept.digest)
    await media.put("bob", picture())
    await media.remove_user(user)
    assert await media.get("bob", kept.digest) == picture()
    with pytest.raises(NotFound):
        await media.get(user, kept.digest)


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


async def test_what_a_crash_left_of_an_image_goes_with_it(tmp_path: Path) -> None:
    media = FolderMedia(tmp_path)
    kept = await media.put("ana", picture())
    file = next(tmp_path.rglob(kept.digest))
    file.with_name(f".{kept.digest}.0f0f0f0f.part").write_bytes(picture()[:40])
    await media.remove("ana", [kept.digest])
    assert list(file.parent.iterdir()) == []
