"""What a site database holds, in the words of PostgreSQL; docs/records.md says what each table is for."""

from __future__ import annotations

VERSION = 1
"""Version of the tables; a database of another version is refused."""
CREATE = """
CREATE SCHEMA steadyline;
CREATE TABLE steadyline.format (version integer NOT NULL);
INSERT INTO steadyline.format VALUES (1);
CREATE TABLE steadyline.runs (
    run bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, first bytea NOT NULL UNIQUE CHECK (length(first) = 32),
    line text NOT NULL, began double precision NOT NULL, name text NOT NULL,
    next bigint NOT NULL DEFAULT 0, chain bytea NOT NULL CHECK (length(chain) = 32), at double precision
);
CREATE TABLE steadyline.records (
    run bigint NOT NULL REFERENCES steadyline.runs, seq bigint NOT NULL, kind text NOT NULL,
    at double precision NOT NULL, body bytea NOT NULL, chain bytea NOT NULL, digest bytea, PRIMARY KEY (run, seq)
);
ALTER TABLE steadyline.records ALTER body SET STORAGE EXTERNAL;
CREATE INDEX trail ON steadyline.records (run, seq) WHERE kind = 'audit';
CREATE TABLE steadyline.quarantine (
    run bigint NOT NULL REFERENCES steadyline.runs, seq bigint NOT NULL, kind text NOT NULL,
    at double precision NOT NULL, chain bytea NOT NULL, digest bytea NOT NULL, reason text NOT NULL,
    PRIMARY KEY (run, seq)
);
CREATE TABLE steadyline.tags (
    run bigint NOT NULL REFERENCES steadyline.runs, tag bigint NOT NULL, name text NOT NULL, unit text NOT NULL,
    length bigint NOT NULL, PRIMARY KEY (run, tag)
);
CREATE TABLE steadyline.blocks (
    run bigint NOT NULL REFERENCES steadyline.runs, block bigint NOT NULL, first bigint NOT NULL, last bigint NOT NULL,
    count bigint NOT NULL, begins double precision NOT NULL, ends double precision NOT NULL, times bytea NOT NULL,
    PRIMARY KEY (run, block)
);
CREATE TABLE steadyline.chunks (
    run bigint NOT NULL REFERENCES steadyline.runs, place bigint NOT NULL, body bytea NOT NULL,
    PRIMARY KEY (run, place)
);
ALTER TABLE steadyline.chunks ALTER body SET STORAGE EXTERNAL;
CREATE VIEW steadyline.places AS
    SELECT run, seq, kind, at, body, chain, digest FROM steadyline.records UNION ALL
    SELECT run, seq, kind, at, '', chain, digest FROM steadyline.quarantine;
CREATE VIEW steadyline.breaks AS SELECT run, min(seq) AS seq FROM (
    SELECT run, seq FROM (
        SELECT *, row_number() OVER w - 1 AS count, lag(at, 1, '-infinity') OVER w AS clock, sha256(
            lag(chain, 1, decode(repeat('00', 32), 'hex')) OVER w || int8send(seq) || float8send(at)
            || convert_to(kind, 'UTF8') || '\\x00' || coalesce(digest, sha256(body))
        ) AS expected
        FROM steadyline.places WINDOW w AS (PARTITION BY run ORDER BY seq)
    ) AS tied WHERE seq <> count OR at < clock OR chain <> expected UNION ALL
    SELECT run, next FROM steadyline.runs
        WHERE next > 0 AND chain IS DISTINCT FROM (
            SELECT chain FROM steadyline.places AS p WHERE p.run = runs.run AND p.seq = next - 1
        ) OR EXISTS (SELECT FROM steadyline.places AS p WHERE p.run = runs.run AND p.seq >= next)
) AS judged GROUP BY run;
CREATE VIEW steadyline.audit AS
    SELECT line, runs.run, seq, to_timestamp(records.at) AS at,
        replace(convert_from(body, 'UTF8'), '\\u0000', '\\ufffd')::jsonb AS entry
    FROM steadyline.records JOIN steadyline.runs USING (run) WHERE kind = 'audit' AND digest IS NULL
"""
"""Makes the tables and views of an empty database, as whoever owns it."""
GRANT = """
GRANT USAGE ON SCHEMA steadyline TO {role};
GRANT SELECT ON ALL TABLES IN SCHEMA steadyline TO {role};
GRANT INSERT ON steadyline.runs, steadyline.records, steadyline.quarantine, steadyline.tags, steadyline.blocks,
    steadyline.chunks TO {role};
GRANT UPDATE (next, chain, at) ON steadyline.runs TO {role};
GRANT DELETE ON steadyline.quarantine TO {role}
"""
"""Lets a role write copies and read them, and neither change nor remove a record."""
