package s3

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/fault"
)

// Attack 24: a request is taken apart even when it is refused, for its name in the log, and names are compared with each other.
func TestAQueryOfTooManyParametersIsNotTakenApart(t *testing.T) {
	for n, want := range map[int]error{128: nil, 129: fault.BadRequest, 30_000: fault.BadRequest} {
		names := make([]string, n)
		for i := range names {
			names[i] = strings.Repeat("a", i%50+1) + string(rune('a'+i/50%26)) + string(rune(0x4E00+i))
		}
		rq, err := newRequest(httptest.NewRequest("GET", "/bucket?"+strings.Join(names, "&"), nil), nil)
		if !errors.Is(err, want) || err != nil && len(rq.query) > 0 {
			t.Errorf("%d parameters: %v", n, err)
		}
	}
}
