package pgmeta

import "strings"

// mode is how transactions are kept apart.
type mode string

const (
	lockMode  mode = "locks"        // by advisory locks on the declared names
	retryMode mode = "serializable" // by the engine, which makes the later of two run again
)

// The names of the prepared statements.
const (
	beginView   = "begin_view"
	beginUpdate = "begin_update"
	commitAll   = "commit"
	rollbackAll = "rollback"
	head        = "head"
	getOne      = "get_one"
	scanUp      = "scan_up"
	scanDown    = "scan_down"
	takeLocks   = "take_locks"
	takeAll     = "take_all"
	takeOrder   = "take_order"
	getMany     = "get_many"
	putMany     = "put_many"
	deleteMany  = "delete_many"
	deleteRange = "delete_range"
	note        = "note"
	appendMany  = "append_many"
	forget      = "forget"
	resolve     = "resolve"
)

type statement struct {
	name, sql string
	writes    bool // only writers need it
}

// statements are all statements over the tables in schema ({schema} below).
func statements(schema string, m mode) []statement {
	begin := "BEGIN ISOLATION LEVEL READ COMMITTED" // each statement sees what was committed before it: the locks are taken by an earlier one
	if m == retryMode {
		begin = "BEGIN ISOLATION LEVEL SERIALIZABLE"
	}
	list := []statement{
		{beginView, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", false},
		{beginUpdate, begin, true},
		{commitAll, "COMMIT", false},
		{rollbackAll, "ROLLBACK", false},
		{head, "SELECT max(version) FROM {schema}.commits", false},
		{getOne, "SELECT value FROM {schema}.rows WHERE key = $1", false},
		{scanUp, "SELECT key, value FROM {schema}.rows WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3::bigint", false},
		{scanDown, "SELECT key, value FROM {schema}.rows WHERE key >= $1 AND key < $2 ORDER BY key DESC LIMIT $3::bigint", false},
		{getMany, "SELECT key, CASE WHEN octet_length(value) <= $2::int THEN value END FROM {schema}.rows WHERE key = ANY($1::bytea[])", true},
		{putMany, "INSERT INTO {schema}.rows (key, value) SELECT * FROM unnest($1::bytea[], $2::bytea[]) " +
			"ON CONFLICT (key) DO UPDATE SET value = excluded.value", true},
		{deleteMany, "DELETE FROM {schema}.rows WHERE key = ANY($1::bytea[])", true},
		{deleteRange, "DELETE FROM {schema}.rows WHERE key >= $1 AND key < $2", true},
		{note, "INSERT INTO {schema}.commits (id, version) SELECT $1::bytea, coalesce(max(version), 0) + $2::bigint FROM {schema}.commits", true},
		{appendMany, "INSERT INTO {schema}.rows (key, value) SELECT e.log || decode(lpad(to_hex(c.version - e.back), 16, '0'), 'hex') || e.place, e.value " +
			"FROM unnest($2::bytea[], $3::bigint[], $4::bytea[], $5::bytea[]) AS e(log, back, place, value), {schema}.commits AS c WHERE c.id = $1", true},
		{forget, "DELETE FROM {schema}.commits WHERE id >= $1 AND id < $2", true},
		{resolve, "INSERT INTO {schema}.commits (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET at = now() RETURNING version", true},
	}
	if m == lockMode {
		list = append(list,
			statement{takeLocks, "SELECT pg_advisory_xact_lock_shared($1::int, 2), (SELECT count(CASE WHEN exclusive " +
				"THEN pg_advisory_xact_lock(id)::text ELSE pg_advisory_xact_lock_shared(id)::text END) " +
				"FROM unnest($2::bigint[], $3::bool[]) AS l(id, exclusive))", true},
			statement{takeAll, "SELECT pg_advisory_xact_lock($1::int, 2)", true},
			statement{takeOrder, "SELECT pg_advisory_xact_lock($1::int, 1)", true})
	}
	for i := range list {
		list[i].sql = strings.ReplaceAll(list[i].sql, "{schema}", schema)
	}
	return list
}
