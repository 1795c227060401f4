"""Logs in the order of a question."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from workbench.query.question import Question

# Rows at once: an Arrow array of text holds at most 2 GiB.
_SLICE: Final = 10_000
# Logs come in nearly in their order: rows of a slice among so many are taken without the others.
_NEAR: Final = 4 * _SLICE


def arranged(table: pa.Table, question: Question) -> pa.Table:
    """Return the newest logs up to the limit, in the question's order; filters are ignored."""
    if _ascends(table):
        newest = (
            table if question.limit is None else table[max(0, table.num_rows - question.limit) :]
        )
        if question.order == "oldest":
            return newest
        return taken(newest, pa.array(range(newest.num_rows - 1, -1, -1), pa.int64()))
    keys = table.select(["timestamp", "seq"])
    newest_first = pc.sort_indices(
        keys, sort_keys=[("timestamp", "descending"), ("seq", "descending")]
    )
    chosen = newest_first if question.limit is None else newest_first[: question.limit]
    return taken(table, chosen if question.order == "newest" else chosen[::-1])


def first_place(table: pa.Table) -> tuple[int, int]:
    """Return timestamp (milliseconds UTC) and seq of the first of some logs."""
    return table["timestamp"][0].cast(pa.int64()).as_py(), table["seq"][0].as_py()


def _ascends(table: pa.Table) -> bool:
    """Return whether logs are in order, the oldest first."""
    timestamps, seqs = table["timestamp"].cast(pa.int64()).to_numpy(), table["seq"].to_numpy()
    later, same = timestamps[1:] > timestamps[:-1], timestamps[1:] == timestamps[:-1]
    return bool((later | (same & (seqs[1:] > seqs[:-1]))).all())


def taken(table: pa.Table, places: pa.Array) -> pa.Table:
    """Return logs in the order of their places."""
    whole: pa.Table | None = None
    slices = []
    for start in range(0, len(places), _SLICE):
        wanted = places[start : start + _SLICE]
        ends = pc.min_max(wanted)
        first, last = ends["min"].as_py(), ends["max"].as_py()
        if last - first < _NEAR:
            near = _in_one_piece(table[first : last + 1])
            wanted = pc.subtract(wanted, pa.scalar(first, wanted.type))
        else:
            near = whole = _in_one_piece(table) if whole is None else whole
        slices.append(near.take(wanted).cast(table.schema))
    return pa.concat_tables(slices) if slices else table.schema.empty_table()


def _in_one_piece(table: pa.Table) -> pa.Table:
    return table.cast(pa.schema(map(_with_wide_offsets, table.schema))).combine_chunks()


def _with_wide_offsets(field: pa.Field) -> pa.Field:
    return field.with_type(pa.large_string()) if field.type == pa.string() else field
