"""Reading an uploaded set of records, in two passes: what each column is, then its values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from services.worker.data.canonical import SAMPLE_ROWS, RowGroups, rfc3339, row_groups, rows_of, write_sample
from services.worker.data.conversions import Conversion
from services.worker.data.findings import Findings, Place
from services.worker.data.fingerprint import Fingerprint
from services.worker.data.limits import Meter
from services.worker.data.profile import Levels, Profile
from services.worker.data.sources import Source
from shared.specs.dataset import ColumnSummary, ColumnType, DatasetSpec, DatasetSummary
from shared.storage import Storage

TYPES: tuple[ColumnType, ...] = ("id", "number", "category", "time", "text", "ignore")
IDS_COUNTED = 1_000_000
LEVELS_SHOWN = 50
ROWS_OF_A_SHOWN_LEVEL = 11
"""A level that fewer records have is not shown: it could point to a person."""
MOSTLY_MISSING = 0.99


def read_records(
    storage: Storage,
    folder: str,
    sources: Sequence[Source],
    *,
    spec: DatasetSpec,
    meter: Meter,
    findings: Findings,
) -> DatasetSummary:
    """Read all files of a set as one table and write it. Raises `UnreadableFiles`."""
    names = sources[0].names
    _check_columns(sources, spec, findings)
    conversions = _conversions(sources, names, spec)
    kept = [c for c in conversions if c.type != "ignore"]
    if not kept:
        findings.refuse(sources[0].file, wanted="at least one row with values", came="none")
    meter.restart()
    table = _Table(kept, findings)
    schema = pa.schema([c.field() for c in kept])
    with row_groups(storage, f"{folder}/records.parquet", schema) as groups:
        table.read(sources, groups)
    write_sample(storage, f"{folder}/sample.json", table.sample)
    return table.summary(conversions)


def _check_columns(sources: Sequence[Source], spec: DatasetSpec, findings: Findings) -> None:
    first = sources[0]
    for source in sources[1:]:
        if set(source.names) != set(first.names):
            findings.refuse(source.file, wanted=f"the columns of {first.file}", came="other columns")
    for name, type_ in spec.columns.items():
        if name not in first.names:
            findings.refuse("spec", wanted="a column of the files", came=name[:40], column="columns")
        if type_ not in TYPES:
            findings.refuse(
                "spec", wanted=f"one of the types {', '.join(TYPES)}", came=type_[:40], column=name
            )


def _conversions(sources: Sequence[Source], names: Sequence[str], spec: DatasetSpec) -> list[Conversion]:
    looked_at = [name for name in names if spec.columns.get(name) != "ignore"]
    profiles = {name: Profile(name) for name in looked_at}
    for source in sources:
        for batch in source.batches(looked_at):
            for name in looked_at:
                profiles[name].add(batch.column(name))
    return [_conversion(name, profiles.get(name), spec) for name in names]


def _conversion(name: str, profile: Profile | None, spec: DatasetSpec) -> Conversion:
    if profile is None:
        return Conversion(name, type="ignore", inferred=False, is_truth=False)
    stated = next((type_ for type_ in TYPES if type_ == spec.columns.get(name)), None)
    return Conversion(name, type=stated or profile.type(), inferred=stated is None, is_truth=profile.is_truth)


class _Table:
    """The records while they are read: written, digested, counted and sampled batch by batch."""

    def __init__(self, conversions: Sequence[Conversion], findings: Findings) -> None:
        self._conversions = conversions
        self._findings = findings
        self._digest = Fingerprint()
        self._rows = 0
        self._missing = dict.fromkeys((c.name for c in conversions), 0)
        self._levels = {c.name: Levels(IDS_COUNTED) if c.type == "id" else Levels() for c in conversions}
        self.sample: list[dict[str, object]] = []

    def read(self, sources: Sequence[Source], groups: RowGroups) -> None:
        """Read all rows. Raises `UnreadableFiles` at the end, or as soon as there are enough findings."""
        for source in sources:
            for first_row, batch in self._batches(source):
                converted = self._converted(source.file, first_row, batch)
                self._note(converted)
                groups.add(converted)
        self._findings.raise_any()

    def _batches(self, source: Source) -> Iterator[tuple[int, pa.RecordBatch]]:
        first_row = 1
        for batch in source.batches([c.name for c in self._conversions]):
            yield first_row, batch
            first_row += batch.num_rows

    def _converted(self, file: str, first_row: int, batch: pa.RecordBatch) -> pa.RecordBatch:
        arrays = []
        for conversion in self._conversions:
            column = batch.column(conversion.name)
            array, wrong = conversion.apply(column)
            if wrong.any():
                place = Place(file, conversion.name, first_row)
                self._findings.add_values(place, wanted=conversion.wanted, wrong=wrong, values=column)
            arrays.append(array)
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema([c.field() for c in self._conversions]))

    def _note(self, batch: pa.RecordBatch) -> None:
        self._rows += batch.num_rows
        for conversion, column in zip(self._conversions, batch.columns, strict=True):
            name = conversion.name
            self._missing[name] += column.null_count
            self._levels[name].add(column.cast(pa.int64()) if conversion.type == "time" else column)
            plain = column.cast(pa.int64()).cast(pa.float64()) if conversion.type == "time" else column
            self._digest.add_column(name, plain)
        if len(self.sample) < SAMPLE_ROWS:
            self.sample += _rows(self._conversions, batch.slice(0, SAMPLE_ROWS - len(self.sample)))

    def summary(self, conversions: Sequence[Conversion]) -> DatasetSummary:
        """Return what stands in the table; `conversions` also names the columns that were ignored."""
        return DatasetSummary(
            rows=self._rows,
            columns=tuple(self._column(c) for c in conversions),
            warnings=tuple(warning for c in conversions for warning in self._warnings(c)),
            sha256=self._digest.hexdigest(),
        )

    def _column(self, conversion: Conversion) -> ColumnSummary:
        name = conversion.name
        if conversion.type == "ignore":
            return ColumnSummary(name=name, type="ignore", missing=0)
        levels = self._levels[name]
        shown = None
        if conversion.type == "category" and levels.distinct is not None and levels.distinct <= LEVELS_SHOWN:
            shown = tuple(
                sorted(str(v) for v, count in levels.counts.items() if count >= ROWS_OF_A_SHOWN_LEVEL)
            )
        return ColumnSummary(
            name=name,
            type=conversion.type,
            missing=self._missing[name],
            distinct=levels.distinct,
            levels=shown,
        )

    def _warnings(self, conversion: Conversion) -> list[str]:
        name = conversion.name
        if conversion.type == "ignore":
            return [f"column {name} has no value that is read and is ignored"] if conversion.inferred else []
        found = []
        if conversion.type == "text":
            found.append(
                f"column {name} is text, which no model learns from; state category or number if one should"
            )
        if self._missing[name] > MOSTLY_MISSING * self._rows:
            found.append(f"column {name} is more than 99 % missing")
        distinct, present = self._levels[name].distinct, self._rows - self._missing[name]
        if distinct == 1 and self._rows > 1:
            found.append(f"column {name} is constant")
        if conversion.type == "id" and distinct is not None and 1 < distinct < present:
            found.append(
                f"column {name}: {present - distinct:,} rows repeat an earlier id; consider it as the group"
            )
        return found


def _rows(conversions: Sequence[Conversion], batch: pa.RecordBatch) -> list[dict[str, object]]:
    columns: dict[str, list[object]] = {}
    for conversion, column in zip(conversions, batch.columns, strict=True):
        values = column.cast(pa.int64()).to_pylist() if conversion.type == "time" else column.to_pylist()
        columns[conversion.name] = [rfc3339(v) for v in values] if conversion.type == "time" else values
    return rows_of(columns)
