"""Which reader a file needs: named by the client, or seen from the file's first bytes."""

from __future__ import annotations

import codecs

from services.worker.data.delimited import open_delimited
from services.worker.data.dialects import BOM, PARQUET_MAGIC, refuse_foreign, sniff
from services.worker.data.findings import Findings
from services.worker.data.limits import HEADER_BYTES, Meter
from services.worker.data.movielens import GENRES_100K, Layout, genres_in_one_column, layout_of, translated
from services.worker.data.parquet import open_parquet
from services.worker.data.sources import Source
from shared.specs.dataset import DatasetSpec
from shared.storage import Storage


def open_source(
    storage: Storage, path: str, *, spec: DatasetSpec, meter: Meter, findings: Findings
) -> Source:
    """Return a file as a source. Raises `UnreadableFiles` when its bytes are not of the format."""
    file = path.rsplit("/", 1)[-1]
    with storage.reader(path) as stream:
        head = stream.read(HEADER_BYTES)
    is_parquet = head.startswith(PARQUET_MAGIC)
    if is_parquet and spec.format in {"auto", "parquet"}:
        return open_parquet(storage, path, meter=meter, findings=findings)
    refuse_foreign(file, head.removeprefix(BOM), findings)
    if is_parquet or spec.format == "parquet":
        came = "a Parquet file" if is_parquet else "something else"
        findings.refuse(file, wanted=f"a file of format {spec.format}", came=came)
    may_be_movielens = spec.kind == "interactions" and spec.format != "csv"
    layout = layout_of(head) if may_be_movielens else None
    if layout is not None:
        return _open_movielens(storage, path, layout=layout, meter=meter, findings=findings)
    dialect = sniff(file, head, findings)
    return open_delimited(storage, path, dialect=dialect, meter=meter, findings=findings)


def _open_movielens(
    storage: Storage, path: str, *, layout: Layout, meter: Meter, findings: Findings
) -> Source:
    translate = translated(layout, is_utf8=lambda: _is_utf8(storage, path))
    source = open_delimited(
        storage, path, dialect=layout.dialect(), meter=meter, findings=findings, translate=translate
    )
    return genres_in_one_column(source) if GENRES_100K[0] in layout.names else source


def _is_utf8(storage: Storage, path: str) -> bool:
    """Say whether all of a file is UTF-8; otherwise MovieLens wrote it in Latin-1."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in storage.chunks(path):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
