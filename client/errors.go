package client

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/zot-artifact-store/zas/fault"
)

// ErrUnreachable is a request that got no answer, also when it was sent again.
var ErrUnreachable = errors.New("the server gives no answer")

// Error is a failure. errors.Is finds its fault, and ErrUnreachable or what else was its cause: errors.Is(err, fault.PreconditionFailed).
type Error struct {
	Op         string // S3's name for the operation
	Ref        Ref
	Code       *fault.Code   // from the server's error reference; nil: the server did not refuse
	Message    string        // the server's own sentence
	Status     int           // of HTTP; 0: there was no answer
	RequestID  string        // for the server's operator
	RetryAfter time.Duration // the server asks to wait
	// Uncertain: an earlier attempt of this write may have succeeded, and been undone by others since. Look at the state before deciding.
	Uncertain bool
	Cause     error
}

// Error tells what failed, why, and what can be done about it.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op + " ")
	}
	b.WriteString(e.Ref.String() + ": ")
	switch {
	case e.Code == nil && e.Cause != nil:
		b.WriteString(e.Cause.Error())
	case e.Code != nil:
		b.WriteString(e.Code.Name() + ": ")
		if e.Message != "" {
			b.WriteString(e.Message)
		} else {
			b.WriteString(e.Code.Text())
		}
		if e.Cause != nil {
			b.WriteString(": " + e.Cause.Error())
		}
	}
	if e.Uncertain {
		b.WriteString("; an earlier attempt may have succeeded")
	}
	if e.RequestID != "" {
		b.WriteString(" (request " + e.RequestID + ")")
	}
	return b.String()
}

// Unwrap gives the fault and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	var list []error
	if e.Code != nil {
		list = append(list, e.Code)
	}
	if e.Cause != nil {
		list = append(list, e.Cause)
	}
	return list
}

// as is err as an *Error about ref.
func as(op string, ref Ref, err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	var code *fault.Code
	if errors.As(err, &code) {
		return &Error{Op: op, Ref: ref, Code: code, Message: fault.Of(err).Text()}
	}
	return &Error{Op: op, Ref: ref, Cause: err}
}

// mostError bounds what is read of an answer that refuses, in bytes.
const mostError = 64 << 10

// errorDocument is S3's <Error>.
type errorDocument struct {
	Code, Message string
	RequestID     string `xml:"RequestId"`
}

// readError makes an Error of an answer other than success.
func readError(answer *http.Response, now time.Time) *Error {
	e := &Error{Status: answer.StatusCode, RequestID: answer.Header.Get("X-Amz-Request-Id"), RetryAfter: retryAfter(answer.Header, now)}
	var doc errorDocument
	if raw, err := io.ReadAll(io.LimitReader(answer.Body, mostError)); err == nil {
		_ = xml.Unmarshal(raw, &doc) // a proxy answers as it likes
	}
	e.Message = doc.Message
	if e.RequestID == "" {
		e.RequestID = doc.RequestID
	}
	if e.Code = fault.Named(answer.Header.Get("X-Zas-Error")); e.Code == nil {
		e.Code = codeOf(doc.Code, answer.StatusCode)
	}
	return e
}

// codeOf is the fault that S3's code stands for, else that of the status: for servers that do not name the fault.
func codeOf(s3 string, status int) *fault.Code {
	if code, ok := codes[s3]; ok {
		return code
	}
	if code, ok := statuses[status]; ok {
		return code
	}
	if status >= http.StatusInternalServerError {
		return fault.Unexpected
	}
	return fault.BadRequest
}

// codes are those of S3 that callers tell apart (S3 API, "Error responses").
var codes = map[string]*fault.Code{
	"AccessDenied": fault.AccessDenied, "BadDigest": fault.ChecksumMismatch, "BucketAlreadyExists": fault.BucketExists,
	"BucketAlreadyOwnedByYou": fault.BucketOwned, "BucketNotEmpty": fault.BucketNotEmpty, "ConditionalRequestConflict": fault.ConditionalConflict,
	"EntityTooLarge": fault.EntityTooLarge, "EntityTooSmall": fault.EntityTooSmall, "ExpiredToken": fault.TokenInvalid, "IncompleteBody": fault.Incomplete,
	"InvalidAccessKeyId": fault.KeyUnknown, "InvalidArgument": fault.ArgumentInvalid, "InvalidBucketName": fault.BucketNameInvalid,
	"InvalidPart": fault.PartInvalid, "InvalidRange": fault.RangeNotSatisfiable, "InvalidToken": fault.TokenInvalid, "KeyTooLongError": fault.KeyTooLong,
	"MethodNotAllowed": fault.MethodNotAllowed, "NoSuchBucket": fault.BucketNotFound, "NoSuchKey": fault.KeyNotFound,
	"NoSuchUpload": fault.UploadNotFound, "NoSuchVersion": fault.VersionNotFound, "NotImplemented": fault.NotImplemented,
	"PreconditionFailed": fault.PreconditionFailed, "RequestTimeTooSkewed": fault.ClockSkewed, "RequestTimeout": fault.Timeout,
	"SignatureDoesNotMatch": fault.SignatureMismatch, "SlowDown": fault.Busy, "XAmzContentSHA256Mismatch": fault.PayloadHashMismatch,
}

var statuses = map[int]*fault.Code{
	http.StatusUnauthorized: fault.CredentialsMissing, http.StatusForbidden: fault.AccessDenied, http.StatusNotFound: fault.KeyNotFound,
	http.StatusMethodNotAllowed: fault.MethodNotAllowed, http.StatusRequestTimeout: fault.Timeout, http.StatusConflict: fault.ConditionalConflict,
	http.StatusPreconditionFailed: fault.PreconditionFailed, http.StatusRequestEntityTooLarge: fault.EntityTooLarge,
	http.StatusRequestedRangeNotSatisfiable: fault.RangeNotSatisfiable, http.StatusTooManyRequests: fault.Busy,
	http.StatusNotImplemented: fault.NotImplemented, http.StatusServiceUnavailable: fault.Busy, http.StatusInsufficientStorage: fault.StorageFull,
}
