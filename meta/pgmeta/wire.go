package pgmeta

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// conn is a connection with its statements prepared. One goroutine at a time uses it.
type conn struct {
	pg     *pgconn.PgConn
	owed   *pgconn.Pipeline // an exchange whose answers have not been read yet
	broken bool             // it answers no more, or nobody knows in which state it is
}

// call is one prepared statement with its arguments, in PostgreSQL's binary form.
type call struct {
	statement string
	args      [][]byte
}

// rows are the rows of an answer, as the values of their columns.
type rows = [][][]byte

// exchange sends the calls together and returns the rows of each: one round trip, however many they are. After an error of one of
// them the others have not been executed.
func (c *conn) exchange(calls ...call) ([]rows, error) {
	if err := c.settle(); err != nil {
		return nil, err
	}
	p, err := c.send(calls)
	if err != nil {
		return nil, err
	}
	answers := make([]rows, len(calls))
	for i := range calls {
		if answers[i], err = readAnswer(p); err != nil {
			break
		}
	}
	return answers, c.note(errors.Join(err, p.Close()))
}

// dismiss sends the calls and leaves their answers to the next exchange: for the end of what nobody waits for.
func (c *conn) dismiss(calls ...call) {
	if c.settle() != nil {
		return
	}
	c.owed, _ = c.send(calls)
}

// settle reads the answers that a dismissed exchange still owes.
func (c *conn) settle() error {
	if c.broken {
		return errBroken
	}
	if c.owed == nil {
		return nil
	}
	p := c.owed
	c.owed = nil
	_, err := readAnswer(p)
	err = errors.Join(err, p.Close())
	if err != nil {
		c.broken = true // its transaction may be open still
	}
	return c.note(err)
}

var errBroken = errors.New("the connection is broken")

func (c *conn) send(calls []call) (*pgconn.Pipeline, error) {
	p := c.pg.StartPipeline(context.Background()) // timed by the connection itself: see timedConn
	for _, k := range calls {
		p.SendQueryPrepared(k.statement, k.args, binaryFormat, binaryFormat)
	}
	if err := p.Sync(); err != nil {
		return nil, c.note(errors.Join(err, p.Close()))
	}
	return p, nil
}

var binaryFormat = []int16{1}

func readAnswer(p *pgconn.Pipeline) (rows, error) {
	answer, err := p.GetResults()
	if err != nil {
		return nil, err
	}
	reader, ok := answer.(*pgconn.ResultReader)
	if !ok {
		return nil, fmt.Errorf("unexpected answer %T", answer)
	}
	result := reader.Read()
	return result.Rows, result.Err
}

// note marks the connection as broken when err is not merely a statement's.
func (c *conn) note(err error) error {
	if err == nil {
		return nil
	}
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Severity != "ERROR" || refused.Code == stateReadOnly || c.pg.IsClosed() {
		c.broken = true
	}
	return err
}

// close ends the connection without waiting for the server to agree.
func (c *conn) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	_ = c.pg.Close(ctx)
}

// sqlState is the code of an error that the server reported, or empty.
func sqlState(err error) string {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}

// The types of arrays' elements, by PostgreSQL's numbers.
const (
	boolType  = 16
	byteaType = 17
	int8Type  = 20
)

func int8Arg(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func int4Arg(n int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

func byteaArray(list [][]byte) []byte {
	size := 0
	for _, b := range list {
		size += len(b)
	}
	out := arrayHeader(byteaType, len(list), size)
	for _, b := range list {
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(b))), b...)
	}
	return out
}

func int8Array(list []int64) []byte {
	out := arrayHeader(int8Type, len(list), 8*len(list))
	for _, n := range list {
		out = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(out, 8), uint64(n))
	}
	return out
}

func boolArray(list []bool) []byte {
	out := arrayHeader(boolType, len(list), len(list))
	for _, b := range list {
		value := byte(0)
		if b {
			value = 1
		}
		out = append(binary.BigEndian.AppendUint32(out, 1), value)
	}
	return out
}

// arrayHeader begins an array of one dimension, with room for n elements of size bytes in all.
func arrayHeader(element uint32, n, size int) []byte {
	out := make([]byte, 0, 20+4*n+size)
	if n == 0 {
		return slices.Concat(out, make([]byte, 8), binary.BigEndian.AppendUint32(nil, element))
	}
	for _, word := range []uint32{1, 0, element, uint32(n), 1} { // dimensions, no nulls, type, length, lower bound
		out = binary.BigEndian.AppendUint32(out, word)
	}
	return out
}
