package pgmeta

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	closeWithin    = time.Second
	connectTimeout = 10 * time.Second
	// answerWithin is how long an exchange may take. Locks are waited for less, so that a server that lives answers in time.
	answerWithin = 30 * time.Second
	lockWithin   = 10 * time.Second
	// idleWriter ends a transaction whose process has stopped in the middle of it: others wait for its locks.
	idleWriter = 30 * time.Second
	// idleReader ends a snapshot that nobody reads: it keeps the server from cleaning up.
	idleReader = 10 * time.Minute
)

// parse reads the connection string. Errors: it does not say enough for a safe connection.
func parse(o Options) (*pgconn.Config, error) {
	c, err := pgconn.ParseConfig(o.URL)
	if err != nil {
		return nil, errors.New("the connection string cannot be understood") // its text has the password
	}
	if o.Password != "" {
		c.Password = o.Password
	}
	for _, f := range append([]*pgconn.FallbackConfig{{Host: c.Host, TLSConfig: c.TLSConfig}}, c.Fallbacks...) {
		if f.TLSConfig == nil && !local(f.Host) && !o.Plaintext {
			return nil, fmt.Errorf("the connection to %s may be without TLS: add sslmode=verify-full to the connection string, "+
				"or require, which does not check the server's name", f.Host)
		}
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "zas"
	}
	if c.ValidateConnect == nil { // of several hosts, the one that takes writes
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	c.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, n net.Conn) (net.Conn, error) {
		if o.Wrap != nil {
			n = o.Wrap(n)
		}
		return &timedConn{n}, nil
	}
	return c, nil
}

// local says whether host is reached without a network: a directory of sockets or the loopback.
func local(host string) bool {
	if strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// timedConn gives every answer a time. The client library would do it by contexts, and then also ask the server to cancel
// what runs; a COMMIT that waits for a standby must not be cancelled, because that makes it visible at once.
type timedConn struct{ net.Conn }

func (c *timedConn) Write(b []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// dial makes a connection that is ready for use, for writing or for views.
func (s *Store) dial(ctx context.Context, writer bool) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.ConnectTimeout)
	defer cancel()
	pg, err := pgconn.ConnectConfig(ctx, s.config)
	if err != nil {
		return nil, err
	}
	c := &conn{pg: pg}
	if err := s.prepare(ctx, c, writer); err != nil {
		c.close()
		return nil, err
	}
	s.counters.connections.Add(1)
	return c, nil
}

func (s *Store) prepare(ctx context.Context, c *conn, writer bool) error {
	if err := s.checkSettings(ctx, c.pg); err != nil {
		return err
	}
	idle := idleReader
	if writer {
		idle = idleWriter
	}
	if s.mode == lockMode {
		if err := execute(ctx, c.pg, sessionSettings(idle)); err != nil {
			return err
		}
	}
	p := c.pg.StartPipeline(ctx)
	for _, st := range statements(s.schema, s.mode) {
		if st.writes && !writer {
			continue
		}
		p.SendPrepare(st.name, st.sql, nil)
	}
	if err := p.Sync(); err != nil {
		return errors.Join(err, p.Close())
	}
	for {
		answer, err := p.GetResults()
		if err != nil {
			return errors.Join(err, p.Close())
		}
		if _, end := answer.(*pgconn.PipelineSync); end {
			return p.Close()
		}
	}
}

// sessionSettings: the plans of the few statements are always by the key's index, whatever the statistics say.
func sessionSettings(idle time.Duration) string {
	return fmt.Sprintf("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off; "+
		"SET lock_timeout = %d; SET statement_timeout = %d; SET idle_in_transaction_session_timeout = %d",
		lockWithin.Milliseconds(), (answerWithin - 5*time.Second).Milliseconds(), idle.Milliseconds())
}

func execute(ctx context.Context, pg *pgconn.PgConn, sql string) error {
	_, err := pg.Exec(ctx, sql).ReadAll()
	return err
}

// query is the rows of a statement, as text.
func query(ctx context.Context, pg *pgconn.PgConn, sql string, args ...string) (rows, error) {
	values := make([][]byte, len(args))
	for i, a := range args {
		values[i] = []byte(a)
	}
	result := pg.ExecParams(ctx, sql, values, nil, nil, nil).Read()
	return result.Rows, result.Err
}

// checkSettings refuses a server that would lose what it has acknowledged. It is asked on every new connection: all of this
// can be changed while the server runs.
func (s *Store) checkSettings(ctx context.Context, pg *pgconn.PgConn) error {
	settings, err := query(ctx, pg, "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes')")
	if err != nil {
		return fmt.Errorf("read the server's settings: %w", err)
	}
	for _, row := range settings {
		name, value := string(row[0]), string(row[1])
		if value != "off" {
			continue
		}
		if !s.options.Unsafe {
			return fmt.Errorf("%w: %s is off: acknowledged writes would be lost in a crash of the server; "+
				"turn it on (for synchronous_commit: ALTER ROLE … SET synchronous_commit = on)", ErrUnsafe, name)
		}
		if _, told := s.warned.LoadOrStore(name, true); !told {
			s.log.Warn("pgmeta: acknowledged writes can be lost in a crash of the server", "setting", name, "value", value)
		}
	}
	return nil
}
