-- What the metrics tell of the database, through functions that act as the schema's owner.

-- name: facts
-- One row about the database as a whole.
SELECT * FROM operator.database_facts();

-- name: standbys
-- How far each streaming standby is behind; the eight that are furthest.
SELECT standby, behind_bytes, behind_s FROM operator.database_standbys();

-- name: tables
-- Rows and bytes of the wallet's tables that grow or are updated all the time, as the statistics have them.
SELECT name, live_rows, dead_rows, bytes FROM operator.database_tables();
