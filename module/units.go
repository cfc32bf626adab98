package module

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time span in configuration, written as Go writes it: `90s`, `1h30m`.
type Duration time.Duration

// UnmarshalText reads the written form. Negative spans are refused.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a duration: want a number and a unit, such as 90s, 15m or 1h30m", text)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes the form that UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Size is a number of bytes in configuration, written with a binary unit or none: `512MiB`, `4096`.
type Size int64

// UnmarshalText reads the written form. Negative sizes are refused.
func (s *Size) UnmarshalText(text []byte) error {
	number, unit := strings.TrimSpace(string(text)), int64(1)
	for _, u := range units() {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return fmt.Errorf("%q is not a size: want a number with KiB, MiB, GiB, TiB or no unit", text)
	}
	*s = Size(n * unit)
	return nil
}

// UnmarshalJSON takes a bare number too.
func (s *Size) UnmarshalJSON(text []byte) error {
	return s.UnmarshalText([]byte(strings.Trim(string(text), `"`)))
}

// MarshalText writes the largest unit that loses nothing.
func (s Size) MarshalText() ([]byte, error) {
	for _, u := range units() {
		if int64(s) >= u.bytes && int64(s)%u.bytes == 0 {
			return []byte(strconv.FormatInt(int64(s)/u.bytes, 10) + u.name), nil
		}
	}
	return []byte(strconv.FormatInt(int64(s), 10)), nil
}

type unit struct {
	name  string
	bytes int64
}

// units are the units of a Size, the largest first.
func units() []unit {
	return []unit{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}
}
