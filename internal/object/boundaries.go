package object

import (
	"context"
	"slices"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
	"github.com/zot-artifact-store/zas/meta"
)

// partsRow is the parts of a version that was uploaded in parts. It is a row of its own, so that listing and
// whole reads do not carry it.
type partsRow struct {
	Numbers []int   `cbor:"1,keyasint"` // as the client gave them: they may have gaps
	Sizes   []int64 `cbor:"2,keyasint"` // bytes
	Sums    []byte  `cbor:"3,keyasint"` // one after another, of the version's checksum algorithm
}

func newPartsRow(list []content.Part, a Algorithm) partsRow {
	row := partsRow{
		Numbers: make([]int, len(list)), Sizes: make([]int64, len(list)), Sums: make([]byte, 0, len(list)*algorithmInfo[a].size),
	}
	for i, p := range list {
		row.Numbers[i], row.Sizes[i] = p.Number, p.Size
		row.Sums = append(row.Sums, p.Sum(a.hash())...)
	}
	return row
}

// findPart is where a part of v lies. A version that was not uploaded in parts is one part.
// Errors: fault.PartNumberNotSatisfiable.
func findPart(ctx context.Context, r meta.Reader, bucket string, v *Version, number int) (offset, length int64, err error) {
	if v.PartCount == 0 {
		if number == 1 {
			return 0, v.Size, nil
		}
		return 0, 0, fault.PartNumberNotSatisfiable
	}
	row, err := parts.Get(ctx, r, bucket, v.ID)
	if err != nil {
		return 0, 0, err
	}
	i, found := slices.BinarySearch(row.Numbers, number)
	if !found {
		return 0, 0, fault.PartNumberNotSatisfiable
	}
	for _, size := range row.Sizes[:i] {
		offset += size
	}
	return offset, row.Sizes[i], nil
}
