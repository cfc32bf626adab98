package s3

import (
	"net/http"
	"testing"

	"github.com/zot-artifact-store/zas/internal/object"
)

func TestUserMetadataIsSentInSmallLetters(t *testing.T) {
	h := http.Header{}
	setMetadata(h, &object.Metadata{User: map[string]string{"build-id": "Kept As It Is"}})
	if got := h["x-amz-meta-build-id"]; len(got) != 1 || got[0] != "Kept As It Is" {
		t.Errorf("headers are %v", h)
	}
}
