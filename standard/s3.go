package standard

import (
	"fmt"
	"strings"

	"github.com/zot-artifact-store/zas/auth/policy"
	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/internal/object"
	"github.com/zot-artifact-store/zas/internal/repository"
	"github.com/zot-artifact-store/zas/internal/s3"
	"github.com/zot-artifact-store/zas/module"
)

// s3Config is `extensions.s3`.
type s3Config struct {
	Region        string   `json:"region"`        // what GetBucketLocation tells; requests may be signed for any region unless strictRegion
	StrictRegion  bool     `json:"strictRegion"`  // refuse requests that are signed for another region
	SmallChunks   bool     `json:"smallChunks"`   // accept aws-chunked chunks below 8 KiB, which AWS refuses
	AnonymousRead []string `json:"anonymousRead"` // what anybody may get: `bucket`, `bucket/prefix*` or `bucket/key`
	Domains       []string `json:"domains"`       // host names below which buckets are addressed as BUCKET.DOMAIN
	AnonymousList []string `json:"anonymousList"` // buckets whose keys anybody may list
}

// SetDefaults implements module.Defaulter.
func (c *s3Config) SetDefaults() { c.Region = sigv4.DefaultRegion }

// Validate implements module.Validator.
func (c *s3Config) Validate() error {
	if c.Region == "" {
		return &module.ConfigError{Path: "region", Reason: "must not be empty"}
	}
	for i, domain := range c.Domains {
		if err := s3.CheckDomain(domain); err != nil {
			return &module.ConfigError{Path: fmt.Sprintf("domains[%d]", i), Reason: err.Error()}
		}
	}
	for i, rule := range c.AnonymousRead {
		if _, _, err := parseObjects(rule); err != nil {
			return &module.ConfigError{Path: fmt.Sprintf("anonymousRead[%d]", i), Reason: err.Error()}
		}
	}
	for i, bucket := range c.AnonymousList {
		if repository.CheckBucket(bucket) != nil {
			return &module.ConfigError{Path: fmt.Sprintf("anonymousList[%d]", i), Reason: fmt.Sprintf("%q is not the name of a bucket", bucket)}
		}
	}
	return nil
}

// parseObjects reads a rule of anonymousRead: a bucket, and the key or prefix* after its first slash.
func parseObjects(rule string) (bucket, key string, err error) {
	bucket, key, hasKey := strings.Cut(rule, "/")
	if !hasKey {
		key = "*"
	}
	prefix := strings.TrimSuffix(key, "*")
	switch {
	case repository.CheckBucket(bucket) != nil:
		return "", "", fmt.Errorf("%q is not the name of a bucket", bucket)
	case key == "":
		return "", "", fmt.Errorf("%q ends with a slash: want %s for all objects, or a key or prefix* after it", rule, bucket)
	case strings.Contains(prefix, "*"):
		return "", "", fmt.Errorf("%q: a star is allowed at the end only", rule)
	case prefix != "":
		err = object.CheckKey(prefix)
	}
	return bucket, key, err
}

// grant adds the anonymous rules to p. c has been validated.
func (c *s3Config) grant(p *policy.Policy) {
	for _, rule := range c.AnonymousRead {
		if bucket, key, err := parseObjects(rule); err == nil {
			p.Objects(bucket, key)
		}
	}
	for _, bucket := range c.AnonymousList {
		p.Listing(bucket)
	}
}
