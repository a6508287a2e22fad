"""release_archive.py FILE.tar.gz BINARY PAGES FILE...: packs a release's archive, the same bytes for the same contents.

Its contents are in one folder, which has the archive's name. Owners and modes are fixed, and the time is that of the commit
(SOURCE_DATE_EPOCH).
"""

import gzip
import io
import os
import sys
import tarfile
from pathlib import Path


def main(archive: Path, binary: Path, pages: Path, others: list[Path]) -> None:
    folder = archive.name.removesuffix(".tar.gz")
    when = int(os.environ["SOURCE_DATE_EPOCH"])
    contents = [(binary, "keyrot", 0o755)]
    contents += [(file, str(file.relative_to(pages)), 0o644) for file in pages.rglob("*") if file.is_file()]
    for other in others:
        # A folder keeps its path, so that links into it work.
        files = [other] if other.is_file() else [file for file in other.rglob("*") if file.is_file()]
        contents += [(file, str(file), 0o644) for file in files]

    packed = io.BytesIO()
    # GNU's format has no field that differs between machines.
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for file, name, mode in sorted(contents, key=lambda item: item[1]):
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size, member.mode, member.mtime = file.stat().st_size, mode, when
            with file.open("rb") as data:
                tar.addfile(member, data)
    with archive.open("wb") as out, gzip.GzipFile(filename="", fileobj=out, mode="wb", compresslevel=9, mtime=when) as zipped:
        zipped.write(packed.getvalue())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), [Path(name) for name in sys.argv[4:]])
