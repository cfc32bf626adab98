package s3

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// corsDocument is CORSConfiguration (S3 API, "PutBucketCors").
type corsDocument struct {
	CORSRule []struct {
		ID                                                        string
		AllowedOrigin, AllowedMethod, AllowedHeader, ExposeHeader []string
		MaxAgeSeconds                                             *int32
	}
}

func tellCORS(c *call, s *object.Settings) (*document, error) {
	if len(s.CORS) == 0 {
		return nil, fault.CORSNotFound.With(c.rq.bucket, nil)
	}
	x := newXML("CORSConfiguration", namespace)
	for _, r := range s.CORS {
		x.open("CORSRule")
		x.optional("ID", r.ID)
		for _, list := range []struct {
			name   string
			values []string
		}{{"AllowedMethod", r.Methods}, {"AllowedOrigin", r.Origins}, {"AllowedHeader", r.Headers}, {"ExposeHeader", r.Expose}} {
			for _, v := range list.values {
				x.text(list.name, v)
			}
		}
		if r.MaxAge != nil {
			x.number("MaxAgeSeconds", int64(*r.MaxAge))
		}
		x.close("CORSRule")
	}
	return x, nil
}

// maxCORS is how many bytes a CORS configuration may have (S3 User Guide, "Elements of a CORS configuration").
const maxCORS = 64 << 10

func readCORS(c *call, op *settingOperation) (func(*object.Settings), error) {
	if c.body.Length() > maxCORS {
		return nil, fault.EntityTooLarge
	}
	var doc corsDocument
	if err := op.body(c, "CORSConfiguration", &doc); err != nil {
		return nil, err
	}
	rules := doc.rules()
	return func(s *object.Settings) { s.CORS = rules }, object.CheckCORS(rules)
}

func (doc *corsDocument) rules() []object.CORSRule {
	rules := make([]object.CORSRule, len(doc.CORSRule))
	for i, r := range doc.CORSRule {
		rules[i] = object.CORSRule{
			ID: r.ID, Origins: r.AllowedOrigin, Methods: r.AllowedMethod, Headers: r.AllowedHeader, Expose: r.ExposeHeader, MaxAge: r.MaxAgeSeconds,
		}
	}
	return rules
}

// varies is what answers to requests with an Origin depend on.
const varies = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"

// crossOrigin puts the headers of CORS on the answer to a request that says where it comes from, whatever the answer will be. A request
// without Origin costs nothing; one with it reads one row.
func (c *call) crossOrigin() {
	origin := c.r.Header.Get("Origin")
	if origin == "" || c.r.Method == http.MethodOptions {
		return
	}
	c.w.Header().Add("Vary", varies)
	rq, err := newRequest(c.r, c.o.Domains)
	if err != nil || rq.bucket == "" {
		return
	}
	rules, err := c.o.Objects.CORS(c.r.Context(), rq.bucket)
	if err != nil {
		return // the request itself will meet it
	}
	if rule, anyOrigin := object.MatchCORS(rules, origin, c.r.Method, nil); rule != nil {
		allow(c.w.Header(), rule, origin, anyOrigin)
		c.w.Header().Add("Access-Control-Expose-Headers", exposed)
	}
}

// exposed are the headers that scripts may read wherever a rule lets them make the request: what clients verify by, and which version they
// got. They are a field line of their own, behind what the rule exposes.
const exposed = "x-zas-content-digest, x-zas-artifact-digest, x-zas-artifact-state, x-zas-idempotency-key, x-zas-error, x-amz-version-id"

// allow writes the headers that a rule gives to actual answers and to those of a preflight (Fetch, "HTTP responses"). Credentials go with
// an origin by name only.
func allow(h http.Header, rule *object.CORSRule, origin string, anyOrigin bool) {
	if anyOrigin {
		h["Access-Control-Allow-Origin"] = []string{"*"}
	} else {
		h["Access-Control-Allow-Origin"] = []string{origin}
		h["Access-Control-Allow-Credentials"] = []string{"true"}
	}
	h["Access-Control-Allow-Methods"] = []string{strings.Join(rule.Methods, ", ")}
	if len(rule.Expose) > 0 {
		h["Access-Control-Expose-Headers"] = []string{strings.Join(rule.Expose, ", ")}
	}
	if rule.MaxAge != nil {
		h["Access-Control-Max-Age"] = []string{strconv.Itoa(int(*rule.MaxAge))}
	}
}

// preflight answers OPTIONS (S3 API, "OPTIONS object"). It needs no credentials, so it tells nobody which buckets there are: a bucket
// that is absent, one without a configuration and one whose rules do not match are answered alike.
// Errors: fault.CORSRequestInvalid, fault.CORSForbidden, fault.PathInvalid, fault.BadRequest.
func (c *call) preflight() error {
	c.observer.SetOperation("Preflight")
	rq, err := newRequest(c.r, c.o.Domains)
	if err != nil {
		return err
	}
	c.w.Header().Add("Vary", varies)
	origin, method := c.r.Header.Get("Origin"), c.r.Header.Get("Access-Control-Request-Method")
	if origin == "" {
		return fault.CORSRequestInvalid.Detail("Insufficient information. Origin request header needed.")
	}
	if !object.CORSMethod(method) {
		return fault.CORSRequestInvalid.Detail("Invalid Access-Control-Request-Method: %s", method)
	}
	headers, err := requestedHeaders(c.r.Header.Get("Access-Control-Request-Headers"))
	if err != nil {
		return err
	}
	rules, err := c.o.Objects.CORS(c.r.Context(), rq.bucket)
	if err != nil {
		return err
	}
	rule, anyOrigin := object.MatchCORS(rules, origin, method, headers)
	if rule == nil {
		return fault.CORSForbidden
	}
	h := c.w.Header()
	allow(h, rule, origin, anyOrigin)
	if len(headers) > 0 {
		h["Access-Control-Allow-Headers"] = []string{strings.ToLower(strings.Join(headers, ", "))}
	}
	c.empty(http.StatusOK)
	return nil
}

// requestedHeaders reads Access-Control-Request-Headers. Errors: fault.CORSRequestInvalid.
func requestedHeaders(list string) ([]string, error) {
	if list == "" {
		return nil, nil
	}
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		if trimmed := strings.TrimSpace(name); object.HeaderName(trimmed) {
			names = append(names, trimmed)
			continue
		}
		return nil, fault.CORSRequestInvalid.Detail("Access-Control-Request-Headers \"%s\" contains invalid character.", name)
	}
	return names, nil
}
