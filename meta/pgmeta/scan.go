package pgmeta

import (
	"bytes"
	"context"
	"fmt"

	"github.com/zot-artifact-store/zas/meta"
)

// The sizes of the pages in which a scan is read. A scan that goes on gets larger ones, as long as they are of moderate size.
const (
	firstPage = 64
	lastPage  = 1024
	pageBytes = 1 << 20
)

// pages are the stored rows of a range, read a page at a time.
type pages struct {
	fetch func(...call) ([]rows, error)
	r     meta.Range // what is left of it
	rows  rows
	size  int  // rows of the page before
	end   bool // there are no more pages
}

// peek is the next row, or false at the end. It stays until drop. want is how many more rows the scan asks for, or 0.
func (p *pages) peek(want int) ([][]byte, bool, error) {
	if len(p.rows) == 0 && !p.end {
		if err := p.next(want); err != nil {
			return nil, false, err
		}
	}
	if len(p.rows) == 0 {
		return nil, false, nil
	}
	return p.rows[0], true, nil
}

func (p *pages) drop() { p.rows = p.rows[1:] }

func (p *pages) next(want int) error {
	if bytes.Compare(p.r.From, p.r.To) >= 0 {
		p.end = true
		return nil
	}
	size := min(max(firstPage, 2*p.size), lastPage)
	if want > 0 {
		size = min(want, lastPage) // what the overlay hides makes it ask again
	}
	statement := scanUp
	if p.r.Reverse {
		statement = scanDown
	}
	answers, err := p.fetch(call{statement, [][]byte{p.r.From, p.r.To, int8Arg(int64(size))}})
	if err != nil {
		return fmt.Errorf("pgmeta: scan: %w", err)
	}
	p.rows = answers[0]
	if len(p.rows) < size {
		p.end = true
		return nil
	}
	last, total := p.rows[len(p.rows)-1][0], 0
	for _, row := range p.rows {
		total += len(row[1])
	}
	if p.r.Reverse {
		p.r.To = last
	} else {
		p.r.From = append(bytes.Clone(last), 0)
	}
	if p.size = size; total > pageBytes {
		p.size = firstPage / 4
	}
	return nil
}

// merge yields the rows of r: the stored ones with own writes laid over them, which are in the same order and win.
func merge(ctx context.Context, r meta.Range, stored pages, own []write, yield func(meta.Row, error) bool) {
	for n := 0; r.Limit == 0 || n < r.Limit; {
		if err := ctx.Err(); err != nil {
			yield(meta.Row{}, err)
			return
		}
		want := 0
		if r.Limit > 0 {
			want = r.Limit - n
		}
		row, found, err := stored.peek(want)
		if err != nil {
			yield(meta.Row{}, err)
			return
		}
		var next meta.Row
		switch order := compare(row, found, own, r.Reverse); {
		case !found && len(own) == 0:
			return
		case order > 0:
			stored.drop()
			next = meta.Row{Key: row[0], Value: row[1]}
		default:
			if order == 0 {
				stored.drop()
			}
			w := own[0]
			own = own[1:]
			if w.absent {
				continue
			}
			next = meta.Row{Key: w.key, Value: w.value}
		}
		n++
		if !yield(next, nil) {
			return
		}
	}
}

// compare is negative when the next row is one of the own writes, positive when it is stored, zero when it is both.
func compare(row [][]byte, found bool, own []write, reverse bool) int {
	switch {
	case !found:
		return -1
	case len(own) == 0:
		return 1
	case reverse:
		return bytes.Compare(row[0], own[0].key)
	}
	return bytes.Compare(own[0].key, row[0])
}
