package s3

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/zot-artifact-store/zas/auth"
	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

// Options are what a Handler works with. Objects, Verifier and Authorizer are required.
type Options struct {
	Objects    *object.Service
	Verifier   *sigv4.Verifier
	Authorizer auth.Authorizer
	Region     string // sigv4.DefaultRegion when empty
	MaxXML     int64  // bytes of an XML body; 0: 8 MiB
	Domains    Domains
}

// Handler is the S3 API, in path style and, below its domains, in virtual-host style. It takes every path.
type Handler struct {
	o Options
}

var _ http.Handler = (*Handler)(nil)

// New is a Handler.
func New(o Options) *Handler {
	if o.Region == "" {
		o.Region = sigv4.DefaultRegion
	}
	if o.MaxXML == 0 {
		o.MaxXML = 8 << 20
	}
	return &Handler{o: o}
}

// hostID is x-amz-id-2. Support at AWS reads it; here it says no more than whose answer this is.
const hostID = "zas"

// observer is what the server's own ResponseWriter takes for log and metrics.
type observer interface {
	SetOperation(name string)
	SetPrincipal(id string)
	SetError(err error)
}

// unobserved is for response writers that observe nothing.
type unobserved struct{}

func (unobserved) SetOperation(string) {}
func (unobserved) SetPrincipal(string) {}
func (unobserved) SetError(error)      {}

// call is one request under way.
type call struct {
	*Handler
	w        http.ResponseWriter
	r        *http.Request
	rq       *request
	by       auth.Principal
	body     *sigv4.Body
	id       string
	observer observer
}

func (c *call) actor() object.Actor { return object.Actor{Principal: c.by.ID, Request: c.id} }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{Handler: h, w: w, r: r, observer: unobserved{}}
	if o, ok := w.(observer); ok {
		c.observer = o
	}
	header := w.Header()
	if c.id = requestID(w); c.id == "" {
		c.id = newRequestID()
		header["X-Amz-Request-Id"] = []string{c.id}
	}
	header["X-Amz-Id-2"] = []string{hostID}
	c.crossOrigin()
	if err := c.serve(); err != nil {
		c.observer.SetError(err)
		Fail(w, r, err)
	}
}

// requestID is the id that the answer carries already.
func requestID(w http.ResponseWriter) string {
	if ids := w.Header()["X-Amz-Request-Id"]; len(ids) > 0 {
		return ids[0]
	}
	return ""
}

// newRequestID is for servers that give requests no ids.
func newRequestID() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return strings.ToUpper(hex.EncodeToString(b[:]))
}

// serve authenticates, parses, authorizes and does what the request asks for. Authentication comes first: it makes headers of what
// presigned URLs carry in their query, and whoever is not known learns nothing about the request's form.
func (c *call) serve() error {
	if c.r.Method == http.MethodOptions {
		return c.preflight()
	}
	if err := c.checkHeader(); err != nil {
		return err
	}
	if err := c.authenticate(); err != nil {
		_, _ = c.parse() // for the operation's name in log and metrics
		return err
	}
	ctx := c.r.Context()
	op, err := c.parse()
	switch {
	case err != nil && c.by.Anonymous() && !isOutline(err):
		return c.refuseStranger(op)
	case err != nil:
		return c.bucketFirst(ctx, err)
	}
	if err := c.checkBody(op); err != nil {
		return err
	}
	if needs := op.needs(); len(needs) > 0 { // else it does so by itself, once it knows who asks for what
		if err := c.admit(ctx, needs); err != nil {
			if c.by.Anonymous() && (errors.Is(err, fault.AccessDenied) || errors.Is(err, fault.CredentialsMissing)) {
				return c.refuseStranger(op)
			}
			return c.conceal(ctx, err)
		}
	}
	return c.conceal(ctx, op.serve(ctx, c))
}

// checkBody refuses chunks for a body that is no object's (S3 API, "Authenticating Requests", section "Transferring Payload in Multiple
// Chunks"). Errors: fault.BadRequest.
func (c *call) checkBody(op operation) error {
	switch op.(type) {
	case *putObject, *uploadPart:
	default:
		if strings.HasPrefix(c.body.Payload(), "STREAMING-") {
			return fault.BadRequest.Detail("The value of x-amz-content-sha256 header is invalid.")
		}
	}
	return nil
}

// maxHeader is S3's limit on the headers of a request, in bytes (S3 API, "PutObject").
const maxHeader = 8 << 10

// checkHeader refuses headers that are larger than S3 takes. Errors: fault.HeaderTooLarge.
func (c *call) checkHeader() error {
	size := 0
	for name, values := range c.r.Header {
		for _, value := range values {
			size += len(name) + len(": \r\n") + len(value)
		}
	}
	if size > maxHeader {
		return fault.Tell(fault.HeaderTooLarge, fault.Fact{Name: "MaxSizeAllowed", Value: strconv.Itoa(maxHeader)})
	}
	return nil
}

// admit is what comes before doing what is asked for: the rights, then the bucket's owner, who is told to nobody without them.
func (c *call) admit(ctx context.Context, needs []need) error {
	if err := c.authorize(ctx, needs); err != nil {
		return err
	}
	return c.checkOwner(ctx)
}

// conceal makes a denial of an error which tells that something is not there, where the caller may not list the bucket (S3 API,
// "GetObject", section "Permissions"). So keys and buckets cannot be guessed.
func (c *call) conceal(ctx context.Context, err error) error {
	if err == nil || c.rq.bucket == "" || fault.Of(err).Code.Kind() != fault.NotFound {
		return err
	}
	if denied := c.authorize(ctx, onBucket("s3:ListBucket", c.rq.bucket)); denied != nil {
		return denied
	}
	return err
}

func (c *call) parse() (operation, error) {
	var err error
	if c.rq, err = newRequest(c.r, c.o.Domains); err != nil {
		return nil, err
	}
	op, err := parse(c.rq)
	if err != nil {
		return nil, err
	}
	c.observer.SetOperation(op.name())
	return op, nil
}

// authenticate verifies the signature. A request without one is anonymous, and for the authorizer to decide about.
func (c *call) authenticate() error {
	result, err := c.o.Verifier.Verify(c.r)
	switch {
	case err == nil:
		c.by, c.body = result.Principal, result.Body
		c.observer.SetPrincipal(c.by.ID)
		return nil
	case errors.Is(err, fault.CredentialsMissing):
		c.body, err = c.o.Verifier.Unsigned(c.r)
		return err
	}
	return err
}

func (c *call) authorize(ctx context.Context, needs []need) error {
	for _, n := range needs {
		if err := c.o.Authorizer.Authorize(ctx, c.by, n.action, n.resource); err != nil {
			return err
		}
	}
	return nil
}

// checkOwner compares x-amz-expected-bucket-owner (S3 User Guide, "Verifying bucket ownership with bucket owner condition").
// Errors: fault.AccessDenied, fault.BucketNotFound.
func (c *call) checkOwner(ctx context.Context) error {
	source, _, _ := strings.Cut(strings.TrimPrefix(c.r.Header.Get("X-Amz-Copy-Source"), "/"), "/")
	for _, one := range []struct{ header, bucket string }{
		{"X-Amz-Expected-Bucket-Owner", c.rq.bucket},
		{"X-Amz-Source-Expected-Bucket-Owner", source},
	} {
		want := c.r.Header[one.header]
		if len(want) == 0 || one.bucket == "" {
			continue
		}
		b, err := c.o.Objects.HeadBucket(ctx, one.bucket)
		if err != nil {
			return err
		}
		if b.Owner != want[0] {
			return fault.AccessDenied
		}
	}
	return nil
}
