package telemetry_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/telemetry"
)

// evil would end a record, begin another one, colour a terminal or reorder what people read, if it were written as it is.
const evil = "a\r\n{\"level\":\"INFO\",\"msg\":\"forged\"}\n\x1b[31m\x00\x7f\u0085\u009b31m\u2028\u2029\u202e\u2066\"\\\xff"

// Attack 25.
func TestARecordIsOneLineWhateverAClientSends(t *testing.T) {
	f := instrument(func(w http.ResponseWriter, _ *http.Request) {
		told := w.(*telemetry.Response)
		told.SetPrincipal(evil)
		told.SetError(fault.KeyNotFound.With(evil, errors.New(evil)))
		w.WriteHeader(http.StatusNotFound)
	})
	for name, change := range map[string]func(r *http.Request){
		"a key":                func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/bucket/"+evil, "" },
		"a path as it is":      func(r *http.Request) { r.URL.Opaque = "/bucket/" + evil },
		"a user agent":         func(r *http.Request) { r.Header.Set("User-Agent", evil) },
		"X-Forwarded-For":      func(r *http.Request) { r.Header.Set("X-Forwarded-For", evil) },
		"a host":               func(r *http.Request) { r.Host = evil },
		"a method":             func(r *http.Request) { r.Method = evil },
		"a principal, a cause": func(*http.Request) {},
	} {
		t.Run(name, func(t *testing.T) {
			f.log.Reset()
			r := httptest.NewRequest(http.MethodGet, "/bucket/key", nil)
			r.RemoteAddr = "192.0.2.7:1234"
			change(r)
			f.ServeHTTP(httptest.NewRecorder(), r)
			wantPlainLine(t, f.log.String())
			if records := f.records(t); len(records) != 1 || records[0]["remote"] != "192.0.2.7:1234" {
				t.Errorf("records: %v", records)
			}
		})
	}
}

func wantPlainLine(t *testing.T, text string) {
	t.Helper()
	line, ended := strings.CutSuffix(text, "\n")
	if !ended || line == "" {
		t.Fatalf("no line: %q", text)
	}
	for _, r := range line {
		if r < ' ' || !unicode.IsPrint(r) && r != unicode.ReplacementChar {
			t.Errorf("%U stands in %q", r, line)
		}
	}
}

func TestALogKeepsWhatPeopleWrite(t *testing.T) {
	var log bytes.Buffer
	telemetry.NewLogger(&log, slog.LevelInfo).Info("x", "key", "Jürgen/日本語/😀")
	if !strings.Contains(log.String(), "Jürgen/日本語/😀") {
		t.Errorf("logged %s", log.String())
	}
}
