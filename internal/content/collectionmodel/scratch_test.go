package collectionmodel

import (
	"testing"
	"time"
)

var names = []string{"Protocol", "DigestNamesLocation", "CheckOutside", "TwoTransactions", "NoSync", "SweepByAge", "SweepUnfenced", "UnlinkFirst", "UnlinkUndurable", "ReadersNotDrained", "LeaseIgnored", "HeadWithoutLease", "LastEdgeWithoutLease", "AliasWithoutEdge", "EpochNotRead", "LoserDeletedEarly", "UnknownDeletes", "RegisterAfterView", "PinsAfterOldest", "LapseWhileReading", "ReadUndurable", "InlineBorrowed", "HashWithoutRow", "DigestRowKept", "SweepIgnoresTrash", "SweepIgnoresUploads", "AliasGoneWithoutLease", "AliasEdgeKept", "UntrashFirst", "EpochUndurable", "LoserTrashedUndurable"}

func TestMutScratch(t *testing.T) {
	for m := DigestNamesLocation; m <= LoserTrashedUndurable; m++ {
		for _, c := range Configs() {
			if c.Name == "readers" {
				c.Fencing = false
			}
			start := time.Now()
			r, err := Explore(New(c, m), 1_000_000)
			t.Logf("%-22s %-14s %9d states depth %d trace %d in %v: %v %v", names[m], c.Name, r.States, r.Depth, len(r.Trace), time.Since(start).Round(time.Millisecond), err, r.Violation)
		}
	}
}
