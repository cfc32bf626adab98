package pgmeta

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// checkSchema keeps names out of which SQL would make something else.
func checkSchema(name string) error {
	if !regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`).MatchString(name) {
		return fmt.Errorf("%q cannot be the name of the schema: want at most 63 of a-z, 0-9 and _", name)
	}
	return nil
}

// upgradeStep is the SQL from one format to the next, with {schema} for the schema's name.
type upgradeStep string

// upgradeSteps has at i the step from format i to i+1; the first makes the tables. A step stays for as long as a database
// of its format may be met.
//
// Values are kept as they are, without an attempt to compress them: most are short or compressed already.
// Of commits, version is absent where a commit was prevented.
func upgradeSteps() []upgradeStep {
	return []upgradeStep{
		`CREATE TABLE {schema}.rows (key bytea PRIMARY KEY, value bytea NOT NULL);
		 CREATE TABLE {schema}.commits (id bytea PRIMARY KEY, version bigint UNIQUE, at timestamptz NOT NULL DEFAULT now());`,
	}
}

// upgrade brings the schema to the newest format, makes it where there is none, and returns the database's id.
func (s *Store) upgrade(ctx context.Context, pg *pgconn.PgConn) ([]byte, error) {
	for {
		id, err := s.upgradeOnce(ctx, pg)
		if !s.conflict(err) {
			return id, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// upgradeOnce does it in one transaction: of several processes that start together one does it, and the others find it done.
func (s *Store) upgradeOnce(ctx context.Context, pg *pgconn.PgConn) (id []byte, err error) {
	if err := execute(ctx, pg, "BEGIN ISOLATION LEVEL "+s.mode.isolation()); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, execute(ctx, pg, "ROLLBACK"))
		}
	}()
	if s.mode == lockMode {
		if err := execute(ctx, pg, fmt.Sprintf("SELECT pg_advisory_xact_lock(%d, 3)", int32(fnvOf(s.schema)))); err != nil {
			return nil, err
		}
	}
	format, id, err := s.readFormat(ctx, pg)
	if err != nil {
		return nil, err
	}
	steps := s.steps
	if format > len(steps) {
		return nil, fmt.Errorf("the database has format %d, and this program knows formats 1 to %d: "+
			"it was written by a newer version, which must be used to open it", format, len(steps))
	}
	for ; format < len(steps); format++ {
		if err := execute(ctx, pg, s.inSchema(string(steps[format]))); err != nil {
			return nil, fmt.Errorf("upgrade from format %d: %w", format, err)
		}
		if err := execute(ctx, pg, s.inSchema("UPDATE {schema}.format SET number = "+strconv.Itoa(format+1))); err != nil {
			return nil, err
		}
	}
	return id, execute(ctx, pg, "COMMIT")
}

func (m mode) isolation() string {
	if m == retryMode {
		return "SERIALIZABLE"
	}
	return "READ COMMITTED"
}

// readFormat is the database's format and id; it begins an empty one with format 0.
func (s *Store) readFormat(ctx context.Context, pg *pgconn.PgConn) (int, []byte, error) {
	tables, err := query(ctx, pg, "SELECT table_name FROM information_schema.tables WHERE table_schema = $1 ORDER BY table_name = 'format' DESC", s.schema)
	if err != nil {
		return 0, nil, err
	}
	if len(tables) == 0 {
		return s.beginFormat(ctx, pg)
	}
	if string(tables[0][0]) != "format" {
		return 0, nil, fmt.Errorf("the schema %s has tables but no format number: it is not this program's", s.schema)
	}
	found, err := query(ctx, pg, s.inSchema("SELECT number, encode(id, 'hex') FROM {schema}.format"))
	if err != nil {
		return 0, nil, err
	}
	if len(found) != 1 {
		return 0, nil, fmt.Errorf("the table %s.format has %d rows: want one", s.schema, len(found))
	}
	number, err := strconv.Atoi(string(found[0][0]))
	if err != nil {
		return 0, nil, err
	}
	id, err := hex.DecodeString(string(found[0][1]))
	return number, id, err
}

func (s *Store) beginFormat(ctx context.Context, pg *pgconn.PgConn) (int, []byte, error) {
	schemas, err := query(ctx, pg, "SELECT 1 FROM information_schema.schemata WHERE schema_name = $1", s.schema)
	if err != nil {
		return 0, nil, err
	}
	if len(schemas) == 0 {
		if err := execute(ctx, pg, s.inSchema("CREATE SCHEMA {schema}")); err != nil {
			return 0, nil, err
		}
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	err = execute(ctx, pg, s.inSchema("CREATE TABLE {schema}.format (number int NOT NULL, id bytea NOT NULL); "+
		"INSERT INTO {schema}.format VALUES (0, decode('"+hex.EncodeToString(id)+"', 'hex'))"))
	return 0, id, err
}

// fnvOf is a number for a name, the same in every process.
func fnvOf(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return h.Sum64()
}
