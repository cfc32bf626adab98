package s3

import (
	"fmt"
	"net"
	"strings"

	"github.com/zot-artifact-store/zas/internal/repository"
)

// Domains are the host names of the S3 service for virtual-host style (S3 User Guide, "Virtual hosting of general purpose buckets"):
// `s3.example.com`, in lower case and without a port. A request for a domain itself is path style; one for a name below it is about the
// bucket of that name, and its whole path is the key. Only the host that the request was sent to counts: of a request target in absolute
// form that of the target (RFC 9112, section 3.2.2), and no X-Forwarded-Host.
type Domains []string

// Claim says whether a request to host, as net/http gives it, is S3's whatever its path.
func (d Domains) Claim(host string) bool {
	_, claimed := d.below(host)
	return claimed
}

// bucket is the bucket that host names; empty for path style. Errors: fault.BucketNameInvalid.
func (d Domains) bucket(host string) (string, error) {
	name, claimed := d.below(host)
	if !claimed || name == "" {
		return "", nil
	}
	return name, repository.CheckBucket(name)
}

// below is what host has before the longest domain that it ends with; false when it ends with none.
func (d Domains) below(host string) (name string, claimed bool) {
	if len(d) == 0 {
		return "", false
	}
	host = plainHost(host)
	longest := 0
	for _, domain := range d {
		if len(domain) <= longest {
			continue
		}
		before, ok := strings.CutSuffix(host, domain)
		switch {
		case !ok:
		case before == "":
			name, claimed, longest = "", true, len(domain)
		case before[len(before)-1] == '.':
			name, claimed, longest = before[:len(before)-1], true, len(domain)
		}
	}
	if claimed && name == "" && host != "" && host[0] == '.' {
		name = "." // an empty label is no domain, but no bucket either
	}
	return name, claimed
}

// plainHost is host without port, in lower case, and without the dot that a fully qualified name may end with.
func plainHost(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// CheckDomain reports what is wrong with name unless it can stand in Domains: labels of a-z, 0-9 and '-', at least one, no IP address.
func CheckDomain(name string) error {
	labels := strings.Split(name, ".")
	for _, label := range labels {
		const letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
		if label == "" || len(label) > 63 || strings.Trim(label, letters) != "" || label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("%q is not a host name in lower case without a port", name)
		}
	}
	if len(name) > 253 || net.ParseIP(name) != nil {
		return fmt.Errorf("%q is not a host name: buckets stand before it, which an address does not allow", name)
	}
	return nil
}
