package oci_test

import (
	"cmp"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata")

// TestTranscripts sends the requests of each file in testdata/transcripts to a fresh server and compares the answers with the file. A
// request is a line `USER METHOD TARGET` (user `-` sends no credentials), then headers, then the body behind `| `; an answer is the lines that begin with `<`.
// `let NAME = TEXT` defines what $NAME, $NAME.digest and $NAME.size stand for; $location is the Location of the last answer.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(err, len(files))
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			script, err := os.ReadFile(name)
			must(t, err)
			s := newServer(t)
			s.object("bucket", "hello\n")
			got := (&transcript{server: s, vars: map[string]string{}}).run(string(script))
			if *update {
				must(t, os.WriteFile(name, []byte(got), 0o644))
				return
			}
			compareLines(t, name, string(script), got)
		})
	}
}

func compareLines(t *testing.T, name, want, got string) {
	t.Helper()
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			t.Fatalf("%s:%d:\n got %s\nwant %s", name, i+1, g[i], w[i])
		}
	}
	if len(w) != len(g) {
		t.Fatalf("%s has %d lines, want %d", name, len(g), len(w))
	}
}

type transcript struct {
	*server
	vars     map[string]string
	location string
}

// run is the script with the answers that the server gives now.
func (tr *transcript) run(script string) string {
	var out, request []string
	flush := func() {
		if len(request) > 0 {
			out = append(out, tr.answer(request)...)
			request = nil
		}
	}
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "<"):
			continue
		case line == "" || strings.HasPrefix(line, "#"):
			flush()
		case strings.HasPrefix(line, "let "):
			name, text, _ := strings.Cut(strings.TrimPrefix(line, "let "), " = ")
			tr.vars[name] = tr.expand(text)
		default:
			request = append(request, line)
		}
		out = append(out, line)
	}
	flush()
	return strings.Join(out, "\n") + "\n"
}

var variable = regexp.MustCompile(`\$(\w+)(\.digest|\.size)?`)

func (tr *transcript) expand(text string) string {
	return variable.ReplaceAllStringFunc(text, func(v string) string {
		parts := variable.FindStringSubmatch(v)
		value, ok := tr.vars[parts[1]]
		switch {
		case parts[1] == "location":
			return tr.location
		case !ok:
			tr.t.Fatalf("no variable %s", v)
		case parts[2] == ".digest":
			return digestOf(value)
		case parts[2] == ".size":
			return fmt.Sprint(len(value))
		}
		return value
	})
}

// answer sends a request and is the lines of its answer.
func (tr *transcript) answer(lines []string) []string {
	head := strings.SplitN(tr.expand(lines[0]), " ", 3)
	if len(head) != 3 {
		tr.t.Fatalf("not a request: %s", lines[0])
	}
	var headers, body []string
	for _, line := range lines[1:] {
		if text, ok := strings.CutPrefix(line, "| "); ok {
			body = append(body, tr.expand(text))
		} else {
			headers = append(headers, tr.expand(line))
		}
	}
	user := head[0]
	if user == "-" {
		user = ""
	}
	a := tr.send(tr.request(user, head[1], head[2], strings.NewReader(strings.Join(body, "\n")), headers...))
	tr.location = cmp.Or(a.Header.Get("Location"), tr.location)
	return render(a)
}

var session = regexp.MustCompile(`\b[0-9a-f]{32}\b`)

// render is an answer with everything left out that differs from run to run.
func render(a answer) []string {
	out := []string{fmt.Sprintf("< %d %s", a.StatusCode, http.StatusText(a.StatusCode))}
	var names []string
	for name := range a.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range a.Header[name] {
			if name != "Date" && name != "Docker-Distribution-Api-Version" {
				out = append(out, "< "+name+": "+session.ReplaceAllString(value, "SESSION"))
			}
		}
	}
	body := a.body
	if boundary, ok := strings.CutPrefix(a.Header.Get("Content-Type"), "multipart/byteranges; boundary="); ok {
		body = strings.ReplaceAll(body, boundary, "BOUNDARY")
		for i, line := range out {
			out[i] = strings.ReplaceAll(line, boundary, "BOUNDARY")
		}
	}
	if !utf8.ValidString(body) || len(body) > 4000 {
		return append(out, fmt.Sprintf("<| %d bytes, %s", len(body), digestOf(body)))
	}
	for line := range strings.Lines(session.ReplaceAllString(body, "SESSION")) {
		out = append(out, "<| "+strings.TrimRight(line, "\r\n"))
	}
	return out
}
