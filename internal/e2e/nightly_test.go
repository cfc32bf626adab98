package e2e

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/zot-artifact-store/zas/internal/e2e/wire"
)

// nightly is the scale of a nightly run; other runs try the same at a hundredth of it.
func nightly(whole int) int {
	if os.Getenv("ZAS_NIGHTLY") != "" {
		return whole
	}
	return whole / 100
}

// TestALargeObject sends 5 GiB in parts with boto3, from a stream that is made on the way, and reads them back.
func TestALargeObject(t *testing.T) {
	python := tool(t, "venv/bin/python")
	i := serve(t, false)
	c := s3Command(t, i)
	c.limit = time.Hour
	t.Log(c.run(python, script(t, "five_gib.py"), i.URL, strconv.Itoa(nightly(5<<10))))
}

// TestAMillionKeys lists a bucket of many keys by delimiter: what is rolled up costs nothing.
func TestAMillionKeys(t *testing.T) {
	const prefixes = 1000
	each := nightly(1000*1000) / prefixes
	client := wire.To(serve(t, false), 32)
	ask := func(method, path string) wire.Answer {
		a, err := client.S3(t.Context(), wire.Request{Method: method, Path: path})
		if err == nil {
			err = a.Want(http.StatusOK)
		}
		if err != nil {
			t.Error(err)
		}
		return a
	}
	ask(http.MethodPut, "/many")
	begin := time.Now()
	fill(32, prefixes*each, func(n int) { ask(http.MethodPut, fmt.Sprintf("/many/%04d/%04d", n%prefixes, n/prefixes)) })
	t.Logf("%d keys written in %v", prefixes*each, time.Since(begin).Round(time.Millisecond))

	var took []time.Duration
	for range 5 {
		begin := time.Now()
		answer := ask(http.MethodGet, "/many?list-type=2&delimiter=/")
		took = append(took, time.Since(begin))
		var page struct {
			IsTruncated    bool
			CommonPrefixes []struct{ Prefix string }
		}
		if err := xml.Unmarshal(answer.Body, &page); err != nil {
			t.Fatal(err)
		}
		if len(page.CommonPrefixes) != prefixes || page.IsTruncated || page.CommonPrefixes[prefixes-1].Prefix != "0999/" {
			t.Fatalf("%d prefixes, truncated %v", len(page.CommonPrefixes), page.IsTruncated)
		}
	}
	slices.Sort(took)
	t.Logf("its %d prefixes listed in %v", prefixes, took[len(took)/2].Round(10*time.Microsecond))
	if took[0] > 200*time.Millisecond {
		t.Errorf("listing takes %v", took)
	}
}

// fill does n things from so many goroutines.
func fill(goroutines, n int, do func(int)) {
	next := make(chan int)
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for n := range next {
				do(n)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
}
