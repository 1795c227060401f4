"""The table's own files in object storage, by Waterline's client and its environment."""

import io
from typing import Final
from urllib.parse import urlsplit

from pyiceberg.io import FileIO, InputFile, OutputFile

from waterline.archive.object_store.client import Bucket, open_bucket
from waterline.errors import ObjectMissing


class LakeFiles(FileIO):
    """Files of an Iceberg table, read and written as batches are.

    pyiceberg makes it by its name. Keys come from the environment, so no property of the catalog or
    of the table holds any.
    """

    def new_input(self, location: str) -> "LakeInput":
        """Return a file to read."""
        return LakeInput(location)

    def new_output(self, location: str) -> "LakeOutput":
        """Return a file to write."""
        return LakeOutput(location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Remove a file; a missing one is no error.

        Raises:
            RemoteError: object storage refuses.
        """
        bucket, key = _place(location if isinstance(location, str) else location.location)
        bucket.delete(key)


IMPLEMENTATION: Final = f"{LakeFiles.__module__}.{LakeFiles.__qualname__}"
"""Its name for pyiceberg."""


class LakeInput(InputFile):
    """A file to read.

    Args:
        location: such as `s3://bucket/key`.
    """

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self._bucket, self._key = _place(location)

    def __len__(self) -> int:
        """Return its size in bytes.

        Raises:
            ObjectMissing: it is missing.
            RemoteError: object storage refuses.
        """
        return _size(self._bucket, self._key)

    def exists(self) -> bool:
        """Return whether it is there.

        Raises:
            RemoteError: object storage refuses.
        """
        return self._bucket.head(self._key) is not None

    def open(self, seekable: bool = True) -> io.BytesIO:  # noqa: ARG002 - its base has it
        """Return its content; files of a table's own are small.

        Raises:
            ObjectMissing: it is missing.
            RemoteError: object storage refuses.
        """
        return io.BytesIO(self._bucket.get(self._key))


class LakeOutput(OutputFile):
    """A file to write.

    Args:
        location: such as `s3://bucket/key`.
    """

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self._bucket, self._key = _place(location)

    def __len__(self) -> int:
        """Return its size in bytes; see `LakeInput`."""
        return _size(self._bucket, self._key)

    def exists(self) -> bool:
        """Return whether it is there; see `LakeInput`."""
        return self._bucket.head(self._key) is not None

    def to_input_file(self) -> LakeInput:
        """Return the same file to read."""
        return LakeInput(self.location)

    def create(self, overwrite: bool = False) -> io.BytesIO:
        """Return a stream that writes the file when it is closed.

        Raises:
            FileExistsError: it is there, and is not to be replaced.
            RemoteError: object storage refuses.
        """
        if not overwrite and self.exists():
            raise FileExistsError(self.location)
        return _Upload(self._bucket, self._key)


class _Upload(io.BytesIO):
    """Content that is written as one object when it is closed."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        super().__init__()
        self._bucket = bucket
        self._key = key

    def close(self) -> None:
        if not self.closed:
            content = self.getvalue()
            super().close()
            self._bucket.put(self._key, content)

    def __del__(self) -> None:
        """Write nothing: what was not closed is not whole."""


def _place(location: str) -> tuple[Bucket, str]:
    parts = urlsplit(location)
    return open_bucket(f"{parts.scheme}://{parts.netloc}"), parts.path.removeprefix("/")


def _size(bucket: Bucket, key: str) -> int:
    stored = bucket.head(key)
    if stored is None:
        raise ObjectMissing(f"cannot read {bucket.url(key)}: it is missing")
    return stored.size
