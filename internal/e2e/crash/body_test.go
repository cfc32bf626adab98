package crash

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// piece is a run of bytes that follows from a seed. Few seeds are in use, so that the same bytes come up all over the store.
type piece struct {
	seed byte
	size int
}

const seeds = 6

func (p piece) bytes() []byte {
	b := make([]byte, p.size)
	source := rand.NewChaCha8([32]byte{p.seed, byte(p.size), byte(p.size >> 8), byte(p.size >> 16)})
	_, _ = source.Read(b) // never fails
	return b
}

// body is content, described.
type body []piece

func (b body) bytes() (all []byte) {
	for _, p := range b {
		all = append(all, p.bytes()...)
	}
	return all
}

// String can be parsed.
func (b body) String() string {
	var s strings.Builder
	for i, p := range b {
		if i > 0 {
			s.WriteByte(',')
		}
		fmt.Fprintf(&s, "%d:%d", p.seed, p.size)
	}
	return s.String()
}

func parseBody(text string) (b body, err error) {
	for one := range strings.SplitSeq(text, ",") {
		seed, size, _ := strings.Cut(one, ":")
		s, err := strconv.ParseUint(seed, 10, 8)
		if err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(size)
		if err != nil {
			return nil, err
		}
		b = append(b, piece{byte(s), n})
	}
	return b, nil
}

// sizes of objects and layers: inline, at the limit of what is inline, in a file, in several checksummed blocks.
// The small ones come more often, so that there are many operations.
func sizes() []int {
	return []int{0, 100, 100, 4096, 4096, 4096, 4096, 65536, 65537, 65537, 300_000, 2_500_000}
}

func randomPiece(r *rand.Rand) piece {
	all := sizes()
	return piece{byte(r.IntN(seeds)), all[r.IntN(len(all))]}
}
