// Package telemetry is what the program tells about itself: structured logs with request ids, the access log,
// and Prometheus metrics of HTTP and of the stores. It wraps handlers and ports; the domain knows nothing of it.
package telemetry

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"
	"unicode/utf8"
)

// NewLogger writes JSON lines to w: one record is one line of text that no terminal takes for a command. Records logged with a request's
// context carry its id as "request".
func NewLogger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(requestHandler{slog.NewJSONHandler(plainText{w}, &slog.HandlerOptions{Level: level})})
}

// plainText escapes what JSON lets stand and terminals or their readers obey: DEL, the control characters U+0080 to U+009F, and those that
// reorder text (U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069). slog escapes the rest.
type plainText struct{ w io.Writer }

// Write implements io.Writer. Each call is one record.
func (p plainText) Write(line []byte) (int, error) {
	for i, c := range line {
		if c >= 0x7F {
			escaped := append(make([]byte, 0, len(line)+64), line[:i]...)
			for _, r := range string(line[i:]) {
				if obeyed(r) {
					escaped = fmt.Appendf(escaped, `\u%04x`, r)
				} else {
					escaped = utf8.AppendRune(escaped, r)
				}
			}
			_, err := p.w.Write(escaped)
			return len(line), err
		}
	}
	return p.w.Write(line)
}

func obeyed(r rune) bool {
	return 0x7F <= r && r <= 0x9F || r == 0x200E || r == 0x200F || 0x202A <= r && r <= 0x202E || 0x2066 <= r && r <= 0x2069
}

// requestHandler adds the request id of the context to each record.
type requestHandler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h requestHandler) Handle(ctx context.Context, record slog.Record) error {
	if id := RequestID(ctx); id != "" {
		record.AddAttrs(slog.String("request", id))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}

type requestKey struct{}

// WithRequestID is ctx carrying the id of the request that it serves.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestID is the id in ctx; empty outside of a request.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// NewRequestID makes up an id: 12 hexadecimal digits of the time in milliseconds, so that ids sort by time, and 16 at
// random. It is unique, not secret.
func NewRequestID(now time.Time) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:], uint64(now.UnixMilli()))
	binary.BigEndian.PutUint64(raw[8:], rand.Uint64()) //nolint:gosec // unique is enough: nothing is kept from anybody by it
	return hex.EncodeToString(raw[2:])
}
