"""`Media`: images by digest within one user, checked on the way in; two users never share a file.

An image is kept as it came. Of an animated one only the first frame is kept, as PNG: it is what a model
looks at, and several providers refuse the rest.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from persona_graph.conversation import Image
from persona_graph.durable import make_folder, write_whole
from persona_graph.errors import ConfigurationError, ImageError, NotFound, StoreError
from persona_graph.user_id import file_name

TRIES = 20
"""How often a folder is made, or removed, while another program does the opposite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large an image may be."""

    max_bytes: int = 20 * 2**20
    max_pixels: int = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image that passed the check: the bytes to keep and what they are."""

    data: bytes
    media_type: str
    width: int
    height: int

    @property
    def digest(self) -> str:
        """sha256 of the bytes."""
        return sha256(self.data).hexdigest()


class Media(Protocol):
    """Images by digest, each user's apart.

    Raises (every method): InputError when the user is no user id; StoreError when the place cannot be read or written.
    """

    async def put(self, user: str, data: bytes, *, caption: str = "") -> Image:
        """Check an image and keep it durably; the same image again is no second copy.

        Raises: ImageError when it is broken, too large or not an image.
        """
        ...

    async def get(self, user: str, digest: str) -> bytes:
        """The bytes of an image. Raises: NotFound when this user has none of that digest."""
        ...

    async def remove(self, user: str, digests: Iterable[str]) -> None:
        """Remove images; unknown ones are no error."""
        ...

    async def remove_user(self, user: str) -> None:
        """Remove all images of a user; an unknown user is no error."""
        ...


LARGE_PIXELS = 4_000_000
_ONE_AT_A_TIME = threading.Lock()

# The classes are named because PIL's own `open` warns of large images where a refusal is wanted.
_FORMATS: tuple[tuple[str, bytes, bytes, type[ImageFile]], ...] = (
    ("image/png", b"\x89PNG\r\n\x1a\n", b"", PngImageFile),
    ("image/jpeg", b"\xff\xd8\xff", b"", JpegImageFile),
    ("image/gif", b"GIF8", b"", GifImageFile),
    ("image/webp", b"RIFF", b"WEBP", WebPImageFile),
)
"""Media type, first bytes, bytes from the ninth on, reader."""


def check_image(data: bytes, limits: Limits | None = None) -> Picture:
    """Whether these bytes are a whole PNG, JPEG, GIF or WebP image within the limits; sizes before pixels.

    An animated image becomes its first frame, as PNG.

    Raises: ImageError with one sentence.
    """
    limits = limits or Limits()
    if len(data) > limits.max_bytes:
        raise ImageError(
            f"the image has {len(data) / 2**20:.1f} MB, more than the {limits.max_bytes / 2**20:.1f} MB allowed; "
            "send a smaller one"
        )
    media_type, reader = _format_of(data)
    image = _opened(reader, data, media_type)
    with image:
        width, height = image.size
        if width * height > limits.max_pixels:
            raise ImageError(
                f"the image has {width} x {height} pixels, more than the {limits.max_pixels:,} allowed; "
                "send a smaller one"
            )
        with room_for(width * height):
            if _decoded(image, media_type):
                data, media_type = _as_png(image), "image/png"
    return Picture(data=data, media_type=media_type, width=width, height=height)


@contextmanager
def room_for(pixels: int) -> Iterator[None]:
    """Decode inside: large images take their turn, for a hundred kilobytes can be half a gigabyte of pixels."""
    if pixels <= LARGE_PIXELS:
        yield
        return
    with _ONE_AT_A_TIME:
        yield


def _format_of(data: bytes) -> tuple[str, type[ImageFile]]:
    for media_type, start, later, reader in _FORMATS:
        if data.startswith(start) and data[8:].startswith(later):
            return media_type, reader
    raise ImageError("these bytes are no image that can be kept; send a PNG, JPEG, GIF or WebP file")


def _opened(reader: type[ImageFile], data: bytes, media_type: str) -> ImageFile:
    try:
        return reader(BytesIO(data))
    except Exception as error:  # decoders of broken files raise whatever they stumble over
        raise ImageError(f"the {_name(media_type)} image cannot be read; it is broken or cut off") from error


def _decoded(image: ImageFile, media_type: str) -> bool:
    """Decode the first frame; whether there are more."""
    try:
        image.load()
        return bool(getattr(image, "is_animated", False))
    except Exception as error:  # as above
        raise ImageError(f"the {_name(media_type)} image is cut off or broken; send the whole file") from error


def _as_png(image: ImageFile) -> bytes:
    out = BytesIO()
    image.seek(0)
    frame = image.convert("RGBA")
    frame.save(out, "PNG")
    return out.getvalue()


def _name(media_type: str) -> str:
    return media_type.removeprefix("image/").upper()


async def check_held(media: Media, user: str, images: Iterable[Image]) -> None:
    """Raises: NotFound when one of these images is none of the user's; where only a caption is known there is none."""
    named = {repr(image.digest): image.digest for image in images if image.digest != ""}  # it may be anything yet
    for digest in named.values():
        await media.get(user, digest)


def _write(path: Path, data: bytes) -> None:
    for left in reversed(range(TRIES)):
        try:
            make_folder(path.parent)
            return write_whole(path, data)
        except (FileNotFoundError, FileExistsError):  # another program erases the user, who begins anew with this
            if not left:
                raise


def _unlink(folder: Path, digests: Iterable[str]) -> None:
    try:
        for digest in digests:
            for part in folder.glob(f".{digest}.*"):  # a kill left it half written
                part.unlink(missing_ok=True)
            (folder / digest).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"an image cannot be removed from {folder}: {error.strerror}") from error


def _remove_folder(folder: Path) -> None:
    for _ in range(TRIES):  # another program may send a picture meanwhile, or remove it too
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise StoreError(f"the images in {folder} cannot be removed: {error.strerror}") from error


def is_digest(text: object) -> bool:
    """Whether this is the name of an image, as `Picture.digest` writes it."""
    return isinstance(text, str) and len(text) == 64 and set(text) <= set("0123456789abcdef")


def _known(digest: str) -> str:
    """The digest, once it is certain that it is one: it becomes part of a path."""
    if not is_digest(digest):
        raise NotFound(f"{repr(digest)[:80]} is no digest of an image")
    return digest


class FolderMedia:
    """Images as files, a folder for each user."""

    def __init__(self, folder: str | Path, limits: Limits | None = None) -> None:
        self._folder, self._limits = Path(folder).expanduser(), limits

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self._folder

    async def put(self, user: str, data: bytes, *, caption: str = "") -> Image:
        """Check an image and keep it durably."""
        return await asyncio.to_thread(self._put, user, data, caption)

    def _put(self, user: str, data: bytes, caption: str) -> Image:
        picture = check_image(data, self._limits)
        folder = self._of(user)
        path = folder / picture.digest
        try:
            if not path.exists():
                _write(path, picture.data)
        except OSError as error:
            raise StoreError(f"the image cannot be written to {folder}: {error.strerror}") from error
        return Image(digest=picture.digest, caption=caption, media_type=picture.media_type)

    async def get(self, user: str, digest: str) -> bytes:
        """The bytes of an image."""
        path = self._of(user) / _known(digest)
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError as error:
            raise NotFound(f"there is no image {digest} of this user") from error
        except OSError as error:
            raise StoreError(f"the image {digest} cannot be read: {error.strerror}") from error

    async def remove(self, user: str, digests: Iterable[str]) -> None:
        """Remove images."""
        folder = self._of(user)
        await asyncio.to_thread(_unlink, folder, [_known(digest) for digest in digests])

    async def remove_user(self, user: str) -> None:
        """Remove the user's folder."""
        await asyncio.to_thread(_remove_folder, self._of(user))

    def _of(self, user: str) -> Path:
        return self._folder / file_name(user)


class FsspecMedia:
    """Images under any URL that fsspec knows (`s3://bucket/media`); needs the extra `media`."""

    def __init__(self, url: str, limits: Limits | None = None, **options: Any) -> None:
        try:
            import fsspec
        except ImportError as error:
            raise ConfigurationError(f'{url} needs fsspec; run: pip install "persona-graph[media]"') from error
        try:
            self._system, root = fsspec.core.url_to_fs(url, **options)
        except (ImportError, ValueError) as error:
            raise ConfigurationError(f"{url} names no place for pictures: {error}") from error
        self._root, self._limits = root.rstrip("/"), limits

    async def put(self, user: str, data: bytes, *, caption: str = "") -> Image:
        """Check an image and keep it."""
        picture = await asyncio.to_thread(check_image, data, self._limits)
        folder = self._of(user)
        path = f"{folder}/{picture.digest}"
        await self._do(self._write, folder, path, picture.data)
        return Image(digest=picture.digest, caption=caption, media_type=picture.media_type)

    def _write(self, folder: str, path: str, data: bytes) -> None:
        if self._system.exists(path) and self._system.size(path) == len(data):
            return
        self._system.makedirs(folder, exist_ok=True)
        self._system.pipe_file(path, data)

    async def get(self, user: str, digest: str) -> bytes:
        """The bytes of an image."""
        try:
            return bytes(await self._do(self._system.cat_file, f"{self._of(user)}/{_known(digest)}"))
        except FileNotFoundError as error:
            raise NotFound(f"there is no image {digest} of this user") from error

    async def remove(self, user: str, digests: Iterable[str]) -> None:
        """Remove images."""
        for digest in digests:
            await self._do(self._remove, f"{self._of(user)}/{_known(digest)}")

    async def remove_user(self, user: str) -> None:
        """Remove all that is under the user's name."""
        await self._do(self._remove, self._of(user))

    def _remove(self, path: str) -> None:
        if self._system.exists(path):
            self._system.rm(path, recursive=True)

    async def _do(self, work: Any, *given: Any) -> Any:
        try:
            return await asyncio.to_thread(work, *given)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StoreError(f"{self._root} could not be read or written: {error}") from error

    def _of(self, user: str) -> str:
        return f"{self._root}/{file_name(user)}"


def open_media(place: str | Path) -> Media:
    """The media that a folder's path or a URL names."""
    return FsspecMedia(place) if isinstance(place, str) and "://" in place else FolderMedia(place)
