package cli

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/zot-artifact-store/zas/internal/config"
	"github.com/zot-artifact-store/zas/internal/server"
)

// greeting is what somebody who has just started a server needs to know.
type greeting struct {
	host        string // host:port as a client on this machine reaches it
	tls         bool
	credentials server.Credentials
	data        string
	program     string // how to call zas
}

func greetingOf(s *server.Server, c config.Config) greeting {
	return greeting{
		host: reachable(s.Address()), tls: c.HTTP.TLS.Enabled(), credentials: s.Credentials(), data: c.Storage.RootDirectory, program: os.Args[0],
	}
}

// reachable is addr, with localhost in place of "every interface".
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

func (g greeting) url() string {
	if g.tls {
		return "https://" + g.host
	}
	return "http://" + g.host
}

// greet prints address, credentials and lines to copy. The secret is shown once, when it has just been made.
func greet(w io.Writer, g greeting) {
	var b strings.Builder
	fmt.Fprintf(&b, "\n  zas is ready at %s  (data in %s)\n\n", g.url(), g.data)
	c := g.credentials
	secret := c.Root.SecretKey // in the lines to copy, as a shell sees it
	switch {
	case c.Fresh:
		fmt.Fprintf(&b, "  access key  %s\n  secret key  %s\n", c.Root.AccessKey, secret)
		if c.File != "" {
			fmt.Fprintf(&b, "  made just now and not shown again; kept in %s\n", c.File)
		}
	case c.File != "":
		fmt.Fprintf(&b, "  access key  %s\n  secret key  kept in %s\n", c.Root.AccessKey, c.File)
		secret = `$(sed -n 's/.*"secretKey": "\(.*\)".*/\1/p' ` + quoted(c.File) + ")"
	default:
		fmt.Fprintf(&b, "  access key  %s\n  secret key  as given by ZAS_ROOT_SECRET_KEY\n", c.Root.AccessKey)
		secret = `"$ZAS_ROOT_SECRET_KEY"`
	}
	b.WriteString("\n" + g.lines(secret))
	_, _ = io.WriteString(w, b.String()) // a closed stdout must not stop the server
}

// lines are commands to copy, for the usual clients.
func (g greeting) lines(secret string) string {
	plain := " --plain-http"
	if g.tls {
		plain = ""
	}
	lines := []string{
		"export AWS_ACCESS_KEY_ID=" + quoted(g.credentials.Root.AccessKey) + " AWS_SECRET_ACCESS_KEY=" + secret,
		"export AWS_REGION=us-east-1 AWS_ENDPOINT_URL=" + g.url(),
		"aws s3 mb s3://mine && aws s3 cp README.md s3://mine/",
		`curl --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" --aws-sigv4 aws:amz:us-east-1:s3 ` + g.url() + "/mine/README.md",
		"oras login" + plain + ` -u "$AWS_ACCESS_KEY_ID" -p "$AWS_SECRET_ACCESS_KEY" ` + g.host,
		"oras pull" + plain + " " + g.host + "/mine@$(" + quoted(g.program) + " digest README.md | sed -n 's/^artifact //p')",
	}
	return "  " + strings.Join(lines, "\n  ") + "\n\n"
}

// quoted is s as one word of a shell.
func quoted(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+=:@", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
