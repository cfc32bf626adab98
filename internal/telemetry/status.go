package telemetry

import (
	"net/http"

	"github.com/zot-artifact-store/zas/fault"
)

// Status is the HTTP status of a kind of failure where no protocol says otherwise.
func Status(kind fault.Kind) int {
	switch kind {
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Denied:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Method:
		return http.StatusMethodNotAllowed
	case fault.Conflict:
		return http.StatusConflict
	case fault.Precondition:
		return http.StatusPreconditionFailed
	case fault.Length:
		return http.StatusLengthRequired
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.Range:
		return http.StatusRequestedRangeNotSatisfiable
	case fault.Overload:
		return http.StatusServiceUnavailable
	case fault.Full:
		return http.StatusInsufficientStorage
	case fault.Unsupported:
		return http.StatusNotImplemented
	}
	return http.StatusInternalServerError
}
