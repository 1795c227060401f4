"""SQL schemas of logs.db and metrics.db, version by version."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from waterline.errors import DataFolderError, NewerSchema


@dataclass(frozen=True, slots=True)
class Schema:
    """Schema of a database as migration steps.

    `PRAGMA application_id` identifies the kind of file. `PRAGMA user_version` is the number of
    steps taken. A released step never changes.
    """

    application_id: int
    steps: tuple[str, ...]

    @property
    def version(self) -> int:
        """Version that this Waterline writes."""
        return len(self.steps)

    def check(
        self,
        path: Path,
        application_id: int,
        version: int,
        made_by: Callable[[], str | None],
    ) -> None:
        """Refuse a foreign database or one of a later version.

        Args:
            path: the database, for errors.
            application_id: its `PRAGMA application_id`.
            version: its `PRAGMA user_version`.
            made_by: returns the row of MADE_BY, or None; called for a later version alone.

        Raises:
            NewerSchema: a later Waterline wrote the database.
            DataFolderError: another program wrote the database.
        """
        if application_id != self.application_id:
            raise DataFolderError(f"{path} is not a database of Waterline's; name another folder")
        if version > self.version:
            maker = made_by()
            reader = "the Waterline that made it" if maker is None else f"Waterline {maker}"
            raise NewerSchema(
                f"{path} has schema version {version}, this Waterline knows {self.version}; "
                f"use {reader}, or a later one"
            )


_HISTORY: Final = """
        CREATE TABLE schema_history (       -- one row each time that a file is brought forward
            version INTEGER PRIMARY KEY,    -- the `user_version` from then on
            waterline TEXT NOT NULL,        -- the version of Waterline that did it, and can read it
            reached_at INTEGER NOT NULL     -- milliseconds UTC
        ) STRICT;
        """
HAS_HISTORY: Final = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_history'"
"""Whether a file says which Waterline made it; those of the first versions do not."""
MADE_BY: Final = """
    SELECT waterline FROM schema_history
    WHERE version = (SELECT user_version FROM pragma_user_version)
"""
"""Which Waterline brought a file to its schema version."""


LOGS: Final = Schema(
    application_id=0x574C_4C47,  # "WLLG"
    steps=(
        """
        CREATE TABLE logs (
            seq INTEGER PRIMARY KEY,        -- given in commit order, ascends, never used again
            id TEXT NOT NULL,
            type TEXT NOT NULL,
            timestamp INTEGER NOT NULL,     -- milliseconds UTC, as the producer says
            received_at INTEGER NOT NULL,   -- milliseconds UTC, never goes back along seq
            source TEXT NOT NULL,           -- the name of the token it came with
            message TEXT NOT NULL,
            attributes TEXT NOT NULL        -- a JSON object
        ) STRICT;
        CREATE UNIQUE INDEX logs_source_id ON logs (source, id);
        CREATE INDEX logs_timestamp ON logs (timestamp);

        CREATE TABLE seam (                 -- one row: where the hot logs end
            only INTEGER PRIMARY KEY CHECK (only = 1),
            folder_id TEXT NOT NULL,
            incarnation TEXT NOT NULL,      -- changed by whatever rewrites the past
            generation INTEGER NOT NULL,    -- counted up by archive, prune and the like
            archived_through INTEGER NOT NULL  -- every seq up to it is in a batch, not in logs
        ) STRICT;

        CREATE TABLE archive_batches (
            batch INTEGER PRIMARY KEY,
            day TEXT NOT NULL,              -- of received_at, UTC, as 2026-11-23
            file TEXT NOT NULL UNIQUE,      -- below archives/
            format TEXT NOT NULL,
            rows INTEGER NOT NULL,
            first_seq INTEGER NOT NULL,
            last_seq INTEGER NOT NULL,
            first_timestamp INTEGER NOT NULL,
            last_timestamp INTEGER NOT NULL,
            first_received_at INTEGER NOT NULL,
            last_received_at INTEGER NOT NULL,
            types TEXT NOT NULL,            -- JSON: rows by type
            sources TEXT NOT NULL,          -- JSON: rows by source
            raw_bytes INTEGER NOT NULL,     -- the logs as compact JSON
            stored_bytes INTEGER NOT NULL,
            sha256 TEXT NOT NULL,
            archived_at INTEGER NOT NULL,
            pruned_at INTEGER               -- milliseconds UTC; the row stays for ever
        ) STRICT;
        """,
        """
        CREATE TABLE archived_ids (         -- of logs that were archived before they were 24 h old
            source TEXT NOT NULL,
            id TEXT NOT NULL,
            seq INTEGER NOT NULL,
            received_at INTEGER NOT NULL,   -- for dedupe_window from here a log is recognised
            PRIMARY KEY (source, id)
        ) STRICT, WITHOUT ROWID;
        """,
        """
        ALTER TABLE archive_batches         -- SHA-256 of the file that its logs were adopted from
            ADD COLUMN adopted_from TEXT;
        ALTER TABLE archive_batches         -- as s3://bucket/prefix: where its copy lies
            ADD COLUMN uploaded_to TEXT;
        ALTER TABLE archive_batches         -- milliseconds UTC
            ADD COLUMN uploaded_at INTEGER;
        ALTER TABLE archive_batches         -- milliseconds UTC: from then on only the copy is there
            ADD COLUMN local_removed_at INTEGER;
        INSERT OR IGNORE INTO seam          -- so that no folder is ever without one
            VALUES (1, lower(hex(randomblob(16))), lower(hex(randomblob(16))), 0, 0);
        """,
        """
        CREATE TABLE seq_gaps (             -- what `seq` alone does not tell of the number of logs
            after INTEGER PRIMARY KEY,      -- of the seqs behind it up to `through` some have none
            through INTEGER NOT NULL,       -- this one has a log
            missing INTEGER NOT NULL        -- how many have none, in this gap and those before it
        ) STRICT;
        INSERT INTO seq_gaps                -- adopted batches hold the seqs of theirs
            SELECT archived_through, last, last - archived_through - stored - adopted
            FROM (
                SELECT
                    archived_through,
                    (SELECT max(seq) FROM logs) AS last,
                    (SELECT count(*) FROM logs WHERE seq > archived_through) AS stored,
                    ifnull((
                        SELECT sum(last_seq - max(first_seq - 1, archived_through))
                        FROM archive_batches
                        WHERE last_seq > archived_through
                            AND last_seq < (SELECT max(seq) FROM logs)
                    ), 0) AS adopted
                FROM seam
            )
            WHERE last - archived_through > stored + adopted;
        """,
        """
        CREATE TABLE indexed_attributes (   -- those that the setting names, and those it did before
            attribute INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            indexed_from INTEGER            -- of every log above this seq the value is there; null
        ) STRICT;                           -- where the setting names it no more, and values go
        CREATE TABLE attribute_values (     -- see waterline/storage/attribute_index.py
            attribute INTEGER NOT NULL,
            value ANY NOT NULL,
            seq INTEGER NOT NULL,
            PRIMARY KEY (attribute, value, seq)
        ) STRICT, WITHOUT ROWID;
        """,
        """
        ALTER TABLE archive_batches         -- milliseconds UTC, later than any rewrite before
            ADD COLUMN rewritten_at INTEGER;
        ALTER TABLE archive_batches         -- SHA-256 of the file before the first rewrite
            ADD COLUMN rewritten_from TEXT;
        """,
        _HISTORY,
        """
        ALTER TABLE archive_batches         -- see waterline/archive/batch_filter/: where in the
            ADD COLUMN filter_offset INTEGER;  -- file its filter begins
        ALTER TABLE archive_batches
            ADD COLUMN filter_bytes INTEGER;
        ALTER TABLE archive_batches         -- of the filter alone, so that it is read alone
            ADD COLUMN filter_sha256 TEXT;
        """,
    ),
)

METRICS: Final = Schema(
    application_id=0x574C_4D54,  # "WLMT"
    steps=(
        """
        CREATE TABLE rollups (
            second INTEGER NOT NULL,        -- its first millisecond, UTC
            metric TEXT NOT NULL,
            label TEXT NOT NULL,            -- such as the log type; empty where there is none
            count INTEGER NOT NULL,
            sum REAL NOT NULL,
            min REAL NOT NULL,
            max REAL NOT NULL,
            sketch BLOB NOT NULL,           -- see waterline/metrics/sketch.py
            PRIMARY KEY (second, metric, label)
        ) STRICT, WITHOUT ROWID;
        CREATE VIEW performance_metrics AS  -- the columns of the source document
            SELECT
                row_number() OVER (ORDER BY second, metric, label) AS id,
                metric AS metric_name,
                sum / count AS value,
                second AS timestamp,
                json_object(
                    'label', label, 'count', count, 'sum', sum, 'min', min, 'max', max
                ) AS metadata
            FROM rollups;
        """,
        """
        DROP VIEW performance_metrics;
        CREATE TABLE series (
            id INTEGER PRIMARY KEY,
            metric TEXT NOT NULL,
            dimension TEXT NOT NULL,        -- such as type; empty where the metric has none
            label TEXT NOT NULL,            -- such as error; empty where there is none
            UNIQUE (metric, dimension, label)
        ) STRICT;
        CREATE TABLE seconds (              -- one row a series and second in which it was recorded
            begin INTEGER NOT NULL,         -- its first millisecond, UTC
            series INTEGER NOT NULL,
            count INTEGER NOT NULL,
            sum REAL NOT NULL,
            min REAL,                       -- with max and sketch null for what is only counted
            max REAL,
            sketch BLOB,                    -- see waterline/metrics/sketch.py
            PRIMARY KEY (begin, series)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE minutes (              -- the same, written when a minute is over
            begin INTEGER NOT NULL,
            series INTEGER NOT NULL,
            count INTEGER NOT NULL,
            sum REAL NOT NULL,
            min REAL,
            max REAL,
            sketch BLOB,
            PRIMARY KEY (begin, series)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE hours (
            begin INTEGER NOT NULL,
            series INTEGER NOT NULL,
            count INTEGER NOT NULL,
            sum REAL NOT NULL,
            min REAL,
            max REAL,
            sketch BLOB,
            PRIMARY KEY (begin, series)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE progress (             -- one row: how far all this goes, times as above
            only INTEGER PRIMARY KEY CHECK (only = 1),
            incarnation TEXT,               -- of the logs.db whose logs are counted
            counted_from INTEGER NOT NULL,  -- logs up to this seq came before any was counted
            measured_from INTEGER,          -- when that began, in milliseconds UTC
            counted_through INTEGER NOT NULL,  -- every log behind those and up to here is counted
            seconds_from INTEGER NOT NULL,  -- earlier seconds are gone
            minutes_from INTEGER NOT NULL,
            hours_from INTEGER NOT NULL,
            minutes_through INTEGER NOT NULL,  -- minutes before it are written, later ones not yet
            hours_through INTEGER NOT NULL
        ) STRICT;
        INSERT INTO progress VALUES (1, NULL, 0, NULL, 0, 0, 0, 0, 0, 0);
        CREATE TABLE sources (
            source TEXT PRIMARY KEY,
            first_seen INTEGER NOT NULL,    -- milliseconds UTC, by when its logs were received
            last_seen INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        INSERT INTO series (metric, dimension, label)
            SELECT DISTINCT metric, 'type', label FROM rollups WHERE metric = 'logs_stored';
        INSERT INTO seconds                 -- what the others hold is of a sketch no longer known
            SELECT second, series.id, count, sum, NULL, NULL, NULL
            FROM rollups JOIN series USING (metric, label);
        DROP TABLE rollups;
        CREATE VIEW performance_metrics AS  -- the columns of the source document; nothing twice
            SELECT
                begin / 1000 * 65536 + series AS id,
                metric AS metric_name,
                sum / count AS value,
                begin AS timestamp,
                json_patch(
                    CASE dimension WHEN '' THEN '{}' ELSE json_object(dimension, label) END,
                    json_object('step', step, 'count', count, 'sum', sum, 'min', min, 'max', max)
                ) AS metadata
            FROM (
                SELECT 'hour' AS step, hours.* FROM hours, progress WHERE begin < minutes_from
                UNION ALL
                SELECT 'minute', minutes.* FROM minutes, progress
                    WHERE begin >= minutes_from AND begin < seconds_from
                UNION ALL
                SELECT 'second', seconds.* FROM seconds, progress WHERE begin >= seconds_from
            ) JOIN series ON series.id = series;
        """,
        _HISTORY,
    ),
)
