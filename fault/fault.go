// Package fault is every way in which a request can fail, defined once. A Code is an error;
// each protocol has one table that renders all of them, and a test that ranges over All.
package fault

import (
	"errors"
	"fmt"
)

// Kind is the class of a failure: what a caller can do about it. Protocols map codes, not kinds, to their
// wire forms; a kind decides logging and the default HTTP status.
type Kind uint8

// The kinds, with the HTTP status that each stands for.
const (
	Internal        Kind = iota // 500: a defect or a broken part of the server
	Invalid                     // 400: the request can never succeed as it is
	Unauthenticated             // 401 or 403: who are you?
	Denied                      // 403: known, and not allowed
	NotFound                    // 404
	Method                      // 405: never allowed on this resource
	Conflict                    // 409: the state forbids it now
	Precondition                // 412: a stated condition does not hold
	Length                      // 411: a length is needed
	TooLarge                    // 413
	Range                       // 416
	Overload                    // 429 or 503: try again later
	Full                        // 507: no room
	Unsupported                 // 501
)

// Retry tells a client what to do with the same request.
type Retry uint8

// The three answers a client can get.
const (
	Never   Retry = iota // change the request first
	Backoff              // the same request may succeed later
	Once                 // look at the state again, then decide
)

// Code is one way to fail. Codes are compared by identity: errors.Is(err, fault.BucketNotFound).
type Code struct {
	name       string
	kind       Kind
	text       string
	retry      Retry
	resolution string
}

// Name is the stable identifier, lower case with dashes; clients may rely on it.
func (c *Code) Name() string { return c.name }

// Kind is the class of the failure.
func (c *Code) Kind() Kind { return c.kind }

// Text says in one sentence what happened. It is safe to send to a client.
func (c *Code) Text() string { return c.text }

// Retry is the guidance for clients.
func (c *Code) Retry() Retry { return c.retry }

// Resolution says what the user can do about it.
func (c *Code) Resolution() string { return c.resolution }

// Error makes a Code an error by itself.
func (c *Code) Error() string { return c.name + ": " + c.text }

// With is c about subject (a bucket, key, digest …, sent to the client), caused by cause (logged, never sent; may be nil).
func (c *Code) With(subject string, cause error) error {
	return &Error{Code: c, Subject: subject, Cause: cause}
}

// Detail is c with a sentence of its own in place of the code's text, for what only the place of failure knows.
// The sentence is sent to the client.
func (c *Code) Detail(format string, args ...any) error {
	return &Error{Code: c, Message: fmt.Sprintf(format, args...)}
}

// Error is an occurrence of a Code.
type Error struct {
	Code    *Code
	Subject string // what it is about; may be sent
	Message string // replaces the code's text when not empty; may be sent
	Facts   []Fact // what a program may want to read beside the sentence; sent where the protocol has room for it
	Cause   error  // logged, never sent
}

// Fact is a value with the name that the protocol's error document has for it: `ArgumentName`, `MaxSizeAllowed`.
type Fact struct{ Name, Value string }

// Tell is err with facts. The facts are sent to the client.
func Tell(err error, facts ...Fact) error {
	e := *Of(err)
	e.Facts = append(e.Facts[:len(e.Facts):len(e.Facts)], facts...)
	return &e
}

// Error is for logs: it includes the cause.
func (e *Error) Error() string {
	s := e.Code.name + ": " + e.Text()
	if e.Subject != "" {
		s += ": " + e.Subject
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Text is the sentence for the client.
func (e *Error) Text() string {
	if e.Message != "" {
		return e.Message
	}
	return e.Code.text
}

// Unwrap gives both the code and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Code}
	}
	return []error{e.Code, e.Cause}
}

// Of finds the occurrence in err: the Error itself, one made of a bare Code, or Unexpected with err as its cause.
// It returns nil for nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	var c *Code
	if errors.As(err, &c) {
		return &Error{Code: c}
	}
	return &Error{Code: Unexpected, Cause: err}
}

// Named is the code with this name; nil when there is none.
func Named(name string) *Code {
	for _, c := range all {
		if c.name == name {
			return c
		}
	}
	return nil
}
