package cli

import (
	"fmt"
	"io"
	"net"
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
}

func greetingOf(s *server.Server, c config.Config) greeting {
	return greeting{host: reachable(s.Address()), tls: c.HTTP.TLS.Enabled(), credentials: s.Credentials(), data: c.Storage.RootDirectory}
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
	secret := "$SECRET"
	var b strings.Builder
	fmt.Fprintf(&b, "\n  zas is ready at %s  (data in %s)\n\n", g.url(), g.data)
	switch c := g.credentials; {
	case c.Fresh:
		secret = c.Root.SecretKey
		fmt.Fprintf(&b, "  access key  %s\n  secret key  %s\n", c.Root.AccessKey, secret)
		fmt.Fprintf(&b, "  made just now and not shown again; kept in %s\n", c.File)
	case c.File != "":
		fmt.Fprintf(&b, "  access key  %s\n  secret key  kept in %s\n", c.Root.AccessKey, c.File)
	default:
		fmt.Fprintf(&b, "  access key  %s\n  secret key  as given by ZAS_ROOT_SECRET_KEY\n", c.Root.AccessKey)
	}
	b.WriteString("\n" + g.lines(secret))
	_, _ = io.WriteString(w, b.String()) // a closed stdout must not stop the server
}

// lines are commands to copy, for the usual clients.
func (g greeting) lines(secret string) string {
	key := g.credentials.Root.AccessKey
	plain := " --plain-http"
	if g.tls {
		plain = ""
	}
	lines := []string{
		"# aws",
		"export AWS_ACCESS_KEY_ID=" + key + " AWS_SECRET_ACCESS_KEY=" + secret + " AWS_REGION=us-east-1 AWS_ENDPOINT_URL=" + g.url(),
		"aws s3 mb s3://demo && aws s3 cp README.md s3://demo/",
		"# curl",
		"curl --user " + key + ":" + secret + " --aws-sigv4 aws:amz:us-east-1:s3 " + g.url() + "/demo/README.md",
		"# oras: the same file as an OCI artifact, by the digest that `zas digest README.md` prints",
		"oras login" + plain + " -u " + key + " -p " + secret + " " + g.host,
		"oras pull" + plain + " " + g.host + "/demo@$(zas digest README.md | awk '/^artifact/{print $2}')",
	}
	return "  " + strings.Join(lines, "\n  ") + "\n\n"
}
