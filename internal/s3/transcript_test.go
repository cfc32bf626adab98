package s3_test

import (
	"cmp"
	"encoding/base64"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"github.com/zot-artifact-store/zas/auth/sigv4"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata/transcripts")

// Each file of testdata/transcripts is one server's life: requests in lines that begin with `>`, the answers that they must get in lines
// that begin with `<`, anything else is comment. In requests, `> @…` are instructions: @unsigned, @presigned, @later DURATION (moves the
// clock), @body N (a body of N bytes), @md5, @header ALGORITHM and @trailer ALGORITHM (checksums made of the body; @badtrailer of another), @form CONDITIONS (a form of the fields in the lines of the body, signed when there are conditions). Ids that
// servers make up are called ID1, ID2 … in the order in which they appear.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(newServer(t), string(raw))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := diff.Diff(strings.Split(string(raw), "\n"), strings.Split(got, "\n")); d != "" {
				t.Errorf("answers differ (-want +got):\n%s", d)
			}
		})
	}
}

// replay is the transcript with the answers that s gives.
func replay(s *server, text string) string {
	var out strings.Builder
	names := &idNames{real: map[string]string{}}
	var request []string
	answer := func() {
		if request != nil {
			out.WriteString(names.hide(s.transcribe(names.reveal(strings.Join(request, "\n")))))
			request = nil
		}
	}
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, ">"):
			request = append(request, strings.TrimPrefix(strings.TrimPrefix(line, ">"), " "))
		case strings.HasPrefix(line, "<"):
			continue
		default:
			answer()
		}
		out.WriteString(line + "\n")
	}
	answer()
	return out.String()
}

// idNames gives made-up ids names that stay.
type idNames struct{ real map[string]string }

var madeUp = regexp.MustCompile(`\b([0-9a-f]{48}|A{9}[A-Z2-7]{17})\b`)

func (n *idNames) hide(s string) string {
	return madeUp.ReplaceAllStringFunc(s, func(id string) string {
		for name, real := range n.real {
			if real == id {
				return name
			}
		}
		name := fmt.Sprintf("ID%d", len(n.real)+1)
		n.real[name] = id
		return name
	})
}

func (n *idNames) reveal(s string) string {
	for name, real := range n.real {
		s = strings.ReplaceAll(s, name, real)
	}
	return s
}

// transcribe sends the request and renders its answer.
func (s *server) transcribe(text string) string {
	s.t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(head, "\n")
	method, target, ok := strings.Cut(lines[0], " ")
	if !ok {
		s.t.Fatalf("malformed request %q", lines[0])
	}
	var headers, orders []string
	for _, line := range lines[1:] {
		if order, ok := strings.CutPrefix(line, "@"); ok {
			orders = append(orders, order)
		} else {
			headers = append(headers, line)
		}
	}
	a := s.obey(method, target, body, headers, orders)
	var out strings.Builder
	fmt.Fprintf(&out, "< %d\n", a.StatusCode)
	for _, name := range sortedNames(a.Header) {
		fmt.Fprintf(&out, "< %s: %s\n", name, strings.ReplaceAll(strings.Join(a.Header[name], " | "), s.Listener.Addr().String(), "HOST"))
	}
	id := a.Header.Get("X-Amz-Request-Id")
	if id == "" || strings.Contains(a.body, "<RequestId>") && !strings.Contains(a.body, "<RequestId>"+id+"</RequestId>") {
		s.t.Errorf("%s: request id %q in the header, and in the body %s", lines[0], id, a.body)
	}
	text = strings.ReplaceAll(a.body, id, "REQUEST")
	text = strings.ReplaceAll(text, s.Listener.Addr().String(), "HOST")
	if text != "" {
		out.WriteString("<\n")
		for line := range strings.SplitSeq(strings.ReplaceAll(text, "><", ">\n<"), "\n") {
			if len(line) > 1000 {
				line = fmt.Sprintf("(%d bytes)", len(line))
			}
			out.WriteString("< " + line + "\n")
		}
	}
	return out.String()
}

func sortedNames(h http.Header) []string {
	var names []string
	for name := range h {
		switch name {
		case "Date", "X-Amz-Id-2", "X-Amz-Request-Id", "X-Zas-Error": // a test of its own sees to the last
		default:
			names = append(names, name)
		}
	}
	slices.SortFunc(names, cmp.Compare)
	return names
}

func (s *server) obey(method, target, body string, headers, orders []string) answer {
	s.t.Helper()
	unsigned, presigned := false, false
	for _, order := range orders {
		name, arg, _ := strings.Cut(order, " ")
		switch name {
		case "unsigned":
			unsigned = true
		case "presigned":
			presigned = true
		case "later":
			d, err := time.ParseDuration(arg)
			if err != nil {
				s.t.Fatal(err)
			}
			s.now = s.now.Add(d)
		case "body":
			var n int
			if _, err := fmt.Sscan(arg, &n); err != nil {
				s.t.Fatal(err)
			}
			body = strings.Repeat("x", n)
		case "form":
			return s.send(s.formRequest(target, parseFormText(s.now, body, arg), headers...))
		case "md5":
			headers = append(headers, "Content-MD5: "+base64.StdEncoding.EncodeToString(sumOf("MD5", body)))
		case "header":
			headers = append(headers, "x-amz-checksum-"+strings.ToLower(arg)+": "+base64.StdEncoding.EncodeToString(sumOf(arg, body)))
		case "trailer":
			sum := base64.StdEncoding.EncodeToString(sumOf(arg, body))
			return s.sendTrailer(method, target, body, headers, "x-amz-checksum-"+strings.ToLower(arg), sum)
		case "badtrailer":
			sum := base64.StdEncoding.EncodeToString(sumOf(arg, body+"!"))
			return s.sendTrailer(method, target, body, headers, "x-amz-checksum-"+strings.ToLower(arg), sum)
		default:
			s.t.Fatalf("unknown instruction %q", order)
		}
	}
	r := s.request(method, target, body, headers...)
	switch {
	case unsigned:
	case presigned:
		r = s.presigned(method, target, body, headers)
	default:
		s.sign(r, sigv4.UnsignedPayload)
	}
	return s.send(r)
}
