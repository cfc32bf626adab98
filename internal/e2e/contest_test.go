package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/zot-artifact-store/zas/internal/e2e/wire"
)

// TestOneWriterWins lets sixteen writers create one key at the same time, fifty times: each time just one is told that it did,
// and its bytes are there.
func TestOneWriterWins(t *testing.T) {
	const writers, keys = 16, 50
	client := wire.To(serve(t, false), writers)
	if _, err := client.S3(t.Context(), wire.Request{Method: http.MethodPut, Path: "/contest"}); err != nil {
		t.Fatal(err)
	}
	for size, name := range map[int]string{0: "small", 200_000: "large"} {
		t.Run(name, func(t *testing.T) {
			for n := range keys {
				path := fmt.Sprintf("/contest/%s/%d", name, n)
				winner := contest(t, client, path, writers, pattern(size))
				got, err := client.S3(t.Context(), wire.Request{Method: http.MethodGet, Path: path})
				if err != nil {
					t.Fatal(err)
				}
				if string(got.Body) != string(winner) {
					t.Errorf("%s does not hold the winner's bytes", path)
				}
			}
		})
	}
}

// contest returns the body of the only writer that succeeded.
func contest(t *testing.T, client *wire.Client, path string, writers int, common []byte) []byte {
	t.Helper()
	type outcome struct {
		body   []byte
		answer wire.Answer
		err    error
	}
	outcomes := make(chan outcome, writers)
	begin := make(chan struct{})
	var ready sync.WaitGroup
	for n := range writers {
		ready.Add(1)
		go func() {
			body := append(fmt.Appendf(nil, "writer %d", n), common...)
			ready.Done()
			<-begin
			a, err := client.S3(t.Context(), wire.Request{
				Method: http.MethodPut, Path: path, Body: body, Header: http.Header{"If-None-Match": {"*"}},
			})
			outcomes <- outcome{body, a, err}
		}()
	}
	ready.Wait()
	close(begin)
	var won [][]byte
	for range writers {
		o := <-outcomes
		switch {
		case o.err != nil:
			t.Error(o.err)
		case o.answer.Status == http.StatusOK:
			won = append(won, o.body)
		case o.answer.Status != http.StatusPreconditionFailed && o.answer.Status != http.StatusConflict:
			t.Errorf("%s: status %d: %s", path, o.answer.Status, o.answer.Body)
		}
	}
	if len(won) != 1 {
		t.Fatalf("%s: %d writers won", path, len(won))
	}
	return won[0]
}
