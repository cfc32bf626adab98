package client

import "sync"

// progress counts the bytes of a transfer.
type progress struct {
	tell func(Progress)
	mu   sync.Mutex
	now  Progress
}

func newProgress(tell func(Progress), total int64) *progress {
	return &progress{tell: tell, now: Progress{Total: total}}
}

func (p *progress) add(n int64) {
	if p.tell == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Done += n
	p.tell(p.now)
}
