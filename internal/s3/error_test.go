package s3

import (
	"encoding/xml"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/fault"
)

func TestEveryFaultHasAnAnswer(t *testing.T) {
	for _, code := range fault.All() {
		a, ok := answers[code]
		if !ok || a.code == "" || a.status < 400 || a.status > 599 {
			t.Errorf("%s is answered as %+v", code.Name(), a)
		}
	}
	if len(answers) != len(fault.All()) {
		t.Errorf("%d answers for %d faults", len(answers), len(fault.All()))
	}
}

func TestAnErrorIsXMLWithItsRequestAndNeverItsCause(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("X-Amz-Request-Id", "REQUEST")
	Fail(w, httptest.NewRequest(http.MethodGet, "/bucket/k&y?x=secret", nil), fault.KeyNotFound.With("k&y", errors.New("inner cause")))
	var got struct{ Code, Message, Key, Resource, RequestID string }
	text := w.Body.String()
	if err := xml.Unmarshal([]byte(strings.ReplaceAll(text, "RequestId", "RequestID")), &got); err != nil {
		t.Fatal(err)
	}
	if got.Code != "NoSuchKey" || got.Key != "k&y" || got.Resource != "/bucket/k&y" || got.RequestID != "REQUEST" || w.Code != 404 {
		t.Errorf("%d %+v", w.Code, got)
	}
	if strings.Contains(text, "inner cause") || strings.Contains(text, "secret") {
		t.Error(text)
	}
}

func TestAnErrorNamesItsFaultAlsoWithoutABody(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, code := range fault.All() {
			w := httptest.NewRecorder()
			Fail(w, httptest.NewRequest(method, "/b/k", nil), code.With("k", nil))
			if got := w.Header().Get("x-zas-error"); got != code.Name() {
				t.Errorf("%s tells %q of %s", method, got, code.Name())
			}
		}
	}
}

func TestASentenceOfS3sOwnStandsAndTheRestIsBesideIt(t *testing.T) {
	w := httptest.NewRecorder()
	err := fault.Tell(fault.PartInvalid.Detail("part 7 is missing"), fault.Fact{Name: "PartNumber", Value: "7"})
	Fail(w, httptest.NewRequest(http.MethodPost, "/b/k", nil), err)
	for _, want := range []string{"<Message>One or more of", "<Detail>part 7 is missing</Detail>", "<PartNumber>7</PartNumber>"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s is missing in %s", want, w.Body)
		}
	}
}

func TestWhatIsNoFaultIsAnInternalError(t *testing.T) {
	w := httptest.NewRecorder()
	Fail(w, httptest.NewRequest(http.MethodGet, "/", nil), errors.New("a disk is on fire"))
	if w.Code != 500 || !strings.Contains(w.Body.String(), "<Code>InternalError</Code>") || strings.Contains(w.Body.String(), "fire") {
		t.Error(w.Code, w.Body.String())
	}
}

func TestHeadErrorsHaveNoBody(t *testing.T) {
	w := httptest.NewRecorder()
	Fail(w, httptest.NewRequest(http.MethodHead, "/b/k", nil), fault.KeyNotFound)
	if w.Code != 404 || w.Body.Len() > 0 {
		t.Error(w.Code, w.Body.String())
	}
}
