package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zot-artifact-store/zas/internal/jobs"
)

func TestAFailedRoundIsLoggedAndFollowedByTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		rounds := make(chan time.Time, 10)
		var loop jobs.Loop
		begun := time.Now()
		loop.Start(t.Context(), jobs.Job{
			Interval: time.Minute, Logger: slog.New(slog.NewTextHandler(&log, nil)), Failure: "not this time",
			Round: func(context.Context) error {
				rounds <- time.Now()
				return errors.New("no luck")
			},
		})
		for i := range 3 {
			if at := (<-rounds).Sub(begun); at != time.Duration(i)*time.Minute {
				t.Fatalf("round %d after %v", i, at)
			}
		}
		loop.Stop()
		if n := strings.Count(log.String(), "not this time"); n != 3 {
			t.Fatalf("%d failures in the log", n)
		}
	})
}

func TestStoppingWaitsForTheRoundUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loop jobs.Loop
		loop.Stop() // nothing runs yet
		ended := false
		loop.Start(t.Context(), jobs.Job{Interval: time.Minute, Logger: slog.New(slog.DiscardHandler), Round: func(ctx context.Context) error {
			<-ctx.Done()
			ended = true
			return ctx.Err()
		}})
		synctest.Wait()
		loop.Stop()
		if !ended {
			t.Fatal("the round was left behind")
		}
	})
}
